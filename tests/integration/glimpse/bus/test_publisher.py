"""The publisher: every event reaches Kafka in its order, under a lease; and how each image is now."""

import asyncio
import json
import sys
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from structlog.testing import capture_logs

from glimpse.bus import groups, leader, marks, partitions, topics
from glimpse.bus.groups import KAFKA, STATE
from glimpse.bus.publisher import Publisher
from glimpse.database import images
from glimpse.database.pool import Actor
from glimpse.errors import Invalid, Unavailable
from glimpse.image import document
from schemas.events import ImageDeleted, ImagePurged, ImageUpdated, MemberCreated
from tests.fixtures import gates
from tests.fixtures.kafka import free_port, read_all

pytestmark = pytest.mark.usefixtures("kafka")


@pytest.fixture
def news(news, kafka_settings):
    news.bus = news.bus.model_copy(update={**kafka_settings, "kafka_request_timeout_seconds": 5.0})
    return news


@pytest.fixture
async def at_work(news, a_publisher):
    """A publisher that has told Kafka of every image there is."""
    await news.tell_many(1)
    await news.sequence()
    publisher = a_publisher()
    await publish(news, publisher)
    return publisher


@pytest.fixture
async def a_publisher(news):
    """Make publishers that are closed at the end."""
    made = []

    def make(leads=lambda: True):
        made.append(Publisher(news.database, news.bus, leads))
        return made[-1]

    yield make
    for each in made:
        await each.give_back()


async def publish(news, publisher):
    """Let it publish until Kafka has all there is."""
    head = await news.value("SELECT pos FROM positions")

    async def has_all():
        await publisher.run_once()
        return await mark(news, KAFKA) == head and await mark(news, STATE) == head

    await news.until(has_all)


async def mark(news, group):
    async with news.database.reading() as reader:
        return await marks.find(reader, group, marks.LOG)


async def read_events(news):
    return await read_all(news.bus.kafka_bootstrap, topics.events(news.bus).name)


async def read_state(news):
    """Return how each image is by the last message about it; None for one that is gone."""
    found = await read_all(news.bus.kafka_bootstrap, topics.state(news.bus).name)
    return {message.key.decode(): message.value and json.loads(message.value)["image"] for message in found}


def an_update(version, subject="i1", **image):
    return ImageUpdated(subject=subject, version=version, image={"id": subject, "status": "active", **image})


async def change(news, image_id, **members):
    """Change an image and tell of it, as an action would."""
    async with news.database.transaction() as tx:
        image = await images.find_locked(tx, image_id)
        for name, value in members.items():
            await tx.execute(f"UPDATE images SET {name} = $2 WHERE id = $1", image_id, value)
        image = await images.save(tx, await images.find_locked(tx, image_id))
        await tx.emit(ImageUpdated(subject=image_id, version=image.version, image=document(image)))
    return document(image)


def sequences(messages):
    return [int(dict(message.headers)["ce_sequence"]) for message in messages]


async def test_an_event_reaches_kafka_with_its_attributes_as_headers_and_its_data_as_told(news, a_publisher):
    await news.tell(an_update(3, name="ü"), actor=Actor(user="u1", project="p1", request_id="req-1", service="api"))
    await news.sequence()
    await publish(news, a_publisher())
    (message,) = await read_events(news)
    ((event_id, data),) = await news.rows("SELECT id, data FROM events")
    headers = {name: value.decode() for name, value in message.headers}
    assert (message.key, message.value) == (b"i1", data)
    assert headers.pop("ce_time")
    assert headers == {
        "ce_specversion": "1.0",
        "ce_id": str(event_id),
        "ce_source": "//glimpse/local",
        "ce_type": "io.glimpse.image.updated.v1",
        "ce_subject": "i1",
        "ce_dataschema": "urn:glimpse:schema:io.glimpse.image.updated.v1",
        "ce_partitionkey": "i1",
        "ce_sequence": "00000000000000000001",
        "ce_imageversion": "3",
        "ce_authtype": "user",
        "ce_authid": "u1",
        "ce_project": "p1",
        "ce_service": "api",
        "ce_requestid": "req-1",
        "content-type": "application/json",
    }


async def test_in_structured_mode_events_and_images_are_whole_documents(news, at_work, a_publisher):
    await at_work.give_back()
    news.bus = news.bus.model_copy(update={"kafka_mode": "structured"})
    await news.tell(an_update(3))
    await news.sequence()
    await publish(news, a_publisher())
    (event,) = [message for message in await read_events(news) if message.key == b"i1"]
    (state,) = await read_all(news.bus.kafka_bootstrap, topics.state(news.bus).name)
    for message, kind in ((event, "updated"), (state, "state")):
        told = json.loads(message.value)
        assert dict(message.headers)["content-type"] == b"application/cloudevents+json"
        assert (told["type"], told["imageversion"]) == (f"io.glimpse.image.{kind}.v1", 3)
        assert told["data"]["image"] == {"id": "i1", "status": "active"}


async def test_all_events_arrive_once_and_those_of_an_image_in_one_partition_in_their_order(news, a_publisher):
    news.bus = news.bus.model_copy(update={"batch": 70})
    for version in range(40):
        await news.tell(*(an_update(version, subject) for subject in ("i1", "i2", "i3", "i4", "i5")))
    await news.sequence()
    await publish(news, a_publisher())
    found = await read_events(news)
    assert sorted(sequences(found)) == list(range(1, 201))
    for subject in (b"i1", b"i2", b"i3", b"i4", b"i5"):
        of_one = [message for message in found if message.key == subject]
        assert len({message.partition for message in of_one}) == 1
        assert [dict(message.headers)["ce_imageversion"] for message in of_one] == [b"%d" % n for n in range(40)]


async def test_a_batch_that_is_full_ends_a_round_and_nothing_gets_before_it(news, a_publisher):
    for version in range(12):
        await news.tell(an_update(version, note="x" * 300_000))
    await news.sequence()
    publisher = a_publisher()
    assert await publisher.run_once() == 12
    assert sequences(await read_events(news)) == list(range(1, 13))


async def test_switched_on_later_it_begins_with_the_oldest_that_is_kept(news, a_publisher):
    await news.tell_many(5)
    await news.sequence()
    await news.execute("DELETE FROM events WHERE pos < 3")
    await publish(news, a_publisher())
    assert sorted(sequences(await read_events(news))) == [3, 4, 5]


async def test_the_log_is_kept_until_kafka_has_it(news, a_publisher):
    news.bus = news.bus.model_copy(update={"batch": 5000})
    publisher = a_publisher()
    await publisher.run_once()
    await news.tell_many(partitions.SMALLEST + 1)
    await news.sequence()
    await news.execute("UPDATE events SET sequenced_at = sequenced_at - interval '20 days'")
    assert await drop_old(news) == 0
    await publish(news, publisher)
    assert await drop_old(news) == 1


async def drop_old(news):
    async with news.database.transaction() as tx:
        return await partitions.drop_old(tx, await news.value("SELECT pos FROM positions"), timedelta(days=14))


async def test_kafka_knows_how_each_image_is_and_whose_are_gone(news, make_images, a_publisher):
    one, other, gone = await make_images(3)
    publisher = a_publisher()
    await news.tell_many(1)
    await news.sequence()
    await publish(news, publisher)
    await change(news, one, name="first")
    now = await change(news, one, name="last")
    await news.tell(ImageDeleted(subject=gone, version=2, image={"id": gone, "status": "pending_delete"}))
    await news.sequence()
    await publish(news, publisher)
    state = await read_state(news)
    assert state[one] == now
    assert state[other]["status"] == "queued"  # nothing was told of it that is kept
    assert state[gone]["status"] == "pending_delete"
    await news.tell(ImagePurged(subject=gone, version=3, image={"id": gone, "status": "deleted"}))
    await news.tell(MemberCreated(subject=one, version=3, member={"member_id": "p2"}))  # changes nothing of the image
    await news.sequence()
    await publish(news, publisher)
    state = await read_state(news)
    assert (state[one], state[gone]) == (now, None)


async def test_a_message_about_an_image_says_which_version_it_is_and_when_that_was_so(news, at_work):
    await news.tell(an_update(7))
    await news.sequence()
    await publish(news, at_work)
    (message,) = await read_all(news.bus.kafka_bootstrap, topics.state(news.bus).name)
    headers = {name: value.decode() for name, value in message.headers}
    assert (headers["ce_id"], headers["ce_imageversion"], headers["ce_sequence"]) == ("i1/7", "7", f"{2:020}")


async def test_what_was_told_before_kafka_knew_the_images_does_not_bring_them_back(news, a_publisher, make_images):
    (image_id,) = await make_images(1)
    for name in ("first", "second", "third"):
        await change(news, image_id, name=name)
    await news.sequence()
    await publish(news, a_publisher())
    found = await read_all(news.bus.kafka_bootstrap, topics.state(news.bus).name)
    assert [json.loads(message.value)["image"]["name"] for message in found] == ["third"]


async def test_what_goes_between_two_who_tell_kafka_of_every_image_is_gone_there(news, a_publisher, make_images):
    news.bus = news.bus.model_copy(update={"batch": 1})
    gone, *_ = sorted(await make_images(3))
    one, other = a_publisher(), a_publisher()
    await news.tell_many(1)
    await news.sequence()
    await one.run_once()
    assert (await read_state(news))[gone]["status"] == "queued"  # and the one who told so gets no further
    await news.execute("UPDATE leases SET epoch = epoch + 1, until = '-infinity' WHERE name = 'reader kafka'")
    await news.execute("UPDATE images SET status = 'deleted', deleted_at = now() WHERE id = $1", gone)
    await news.tell(ImagePurged(subject=gone, version=2, image={"id": gone, "status": "deleted"}))
    await news.sequence()
    await publish(news, other)
    assert (await read_state(news))[gone] is None


async def test_asked_to_it_tells_kafka_of_every_image_anew(news, a_publisher, make_images):
    news.bus = news.bus.model_copy(update={"batch": 3})
    await make_images(8)
    publisher = a_publisher()
    await news.tell_many(1)
    await news.sequence()
    await publish(news, publisher)
    await groups.forget(news.database, STATE)
    await publish(news, publisher)
    found = await read_all(news.bus.kafka_bootstrap, topics.state(news.bus).name)
    assert len(found) == 16
    assert len({message.key for message in found}) == 8


async def test_an_event_that_kafka_would_not_take_is_abridged(news, a_publisher):
    small = {"max.message.bytes": "20000"}
    await make_topic(news, topics.events(news.bus).name, small)
    await news.tell(an_update(1, name="n", os_distro="debian", note="x" * 50_000, other="y" * 60_000))
    await news.tell(an_update(2, name="n"))
    await news.sequence()
    await publish(news, a_publisher())
    one, other = await read_events(news)
    assert json.loads(one.value)["image"] == {"id": "i1", "status": "active", "name": "n", "os_distro": "debian"}
    assert (dict(one.headers)["ce_abridged"], dict(other.headers).get("ce_abridged")) == (b"true", None)


async def make_topic(news, name, configs):
    async with an_admin(news) as admin:
        await admin.create_topics([NewTopic(name, 2, 1, topic_configs=configs)])


def an_admin(news):
    class Admin:
        async def __aenter__(self):
            self.client = AIOKafkaAdminClient(bootstrap_servers=news.bus.kafka_bootstrap)
            await self.client.start()
            return self.client

        async def __aexit__(self, *_error):
            await self.client.close()

    return Admin()


async def test_topics_that_are_missing_are_made_as_the_settings_say(news, a_publisher):
    news.bus = news.bus.model_copy(update={"kafka_keep_days": 2.0, "kafka_partitions": 4})
    await a_publisher().run_once()
    wanted = {
        topics.events(news.bus).name: {"cleanup.policy": "delete", "retention.ms": "172800000"},
        topics.state(news.bus).name: {"cleanup.policy": "compact", "delete.retention.ms": "604800000"},
    }
    async with an_admin(news) as admin:
        there = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
        assert [there[name] for name in wanted] == [4, 4]
        for name, configs in wanted.items():
            (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
            found = {entry[0]: entry[1] for entry in answer.resources[0][4]}
            assert {config: found[config] for config in configs} == configs


async def test_of_a_topic_that_is_set_up_otherwise_it_says_how(news, a_publisher):
    await make_topic(news, topics.events(news.bus).name, {"cleanup.policy": "compact"})
    with capture_logs() as lines:
        await a_publisher().run_once()
    (warning,) = [line for line in lines if line["event"] == "topic is set up otherwise"]
    assert warning["topic"] == topics.events(news.bus).name
    assert warning["found"].items() >= {"cleanup.policy": "compact", "partitions": "2"}.items()
    assert warning["wanted"].items() >= {"cleanup.policy": "delete", "partitions": "3"}.items()


async def test_who_does_not_lead_publishes_nothing(news, a_publisher):
    is_leading = [True]
    one, other = a_publisher(lambda: bool(is_leading)), a_publisher()
    await news.tell(an_update(1))
    await news.sequence()
    await publish(news, one)
    await news.tell(an_update(2))
    await news.sequence()
    assert await other.run_once() == 0  # the first has not said that nothing of it is on its way
    is_leading.clear()
    assert await one.run_once() == 0
    await publish(news, other)
    assert sequences(await read_events(news)) == [1, 2]


async def test_what_was_sent_under_a_lease_that_was_lost_is_sent_again(news, a_publisher):
    one, other = a_publisher(), a_publisher()
    await news.tell(an_update(1))
    await news.sequence()
    await publish(news, one)
    await news.tell(an_update(2))
    await news.sequence()
    await news.execute("UPDATE leases SET epoch = epoch + 1, until = '-infinity' WHERE name = 'reader kafka'")
    assert await one.run_once() == 0
    assert await mark(news, KAFKA) == 1
    await publish(news, other)
    found = await read_events(news)
    assert sequences(found) == [1, 2, 2]
    assert len({dict(message.headers)["ce_id"] for message in found}) == 2


async def test_while_kafka_is_away_events_get_their_positions_and_wait(news):
    news.bus = news.bus.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    stop = asyncio.Event()
    with capture_logs() as lines:
        leading = asyncio.create_task(leader.follow(news.database, news.bus, stop))
        await news.tell(an_update(1))
        await news.until(lambda: news.value("SELECT count(*) = 1 FROM events"))

        async def is_said():
            return [line for line in lines if line["event"] == "waiting"]

        (said,) = await news.until(is_said)
        stop.set()
        await asyncio.wait_for(leading, 10)
    assert (said["loop"], said["log_level"]) == ("publisher", "warning")
    assert said["reason"].startswith("Kafka does not do what it should: KafkaConnectionError")
    async with news.database.reading() as reader:
        backlog = await groups.find_backlog(reader, KAFKA)
    assert backlog.events == 1
    assert backlog.seconds > 0


async def test_whoever_leads_publishes_and_who_stops_lets_another_at_once(news):
    news.bus = news.bus.model_copy(update={"lease_seconds": 3600.0})
    for version in (1, 2):
        stop = asyncio.Event()
        leading = asyncio.create_task(leader.follow(news.database, news.bus, stop))
        await news.tell(an_update(version))

        async def is_published(version=version):
            return await mark(news, KAFKA) == version

        await news.until(is_published)
        stop.set()
        await asyncio.wait_for(leading, 10)
    assert sequences(await read_events(news)) == [1, 2]


async def test_without_a_certificate_that_can_be_read_nothing_starts(news, tmp_path):
    locked = {"kafka_security_protocol": "SSL", "kafka_ca_file": tmp_path / "missing.pem"}
    news.bus = news.bus.model_copy(update=locked)
    with pytest.raises(Invalid, match="the certificates for Kafka can not be read"):
        await leader.follow(news.database, news.bus, asyncio.Event())


async def test_a_topic_that_can_not_be_made_is_waited_for(news, a_publisher):
    news.bus = news.bus.model_copy(update={"kafka_replication_factor": 100})
    with pytest.raises(Unavailable, match=r"is missing and can not be made: .*100"):
        await a_publisher().run_once()


async def test_an_event_that_can_not_be_written_is_not_passed_over(news, at_work):
    await news.tell(an_update(1), an_update(2))
    await news.sequence()
    await news.execute("UPDATE events SET subject = '' WHERE pos = 3")
    with pytest.raises(Unavailable, match="event 3 can not be written for Kafka"):
        await at_work.run_once()
    assert await mark(news, KAFKA) == 1


async def test_what_others_write_to_the_topic_does_not_disturb_it(news, a_publisher):
    publisher = a_publisher()
    await publisher.run_once()
    async with AIOKafkaProducer(bootstrap_servers=news.bus.kafka_bootstrap) as producer:
        await producer.send_and_wait(topics.events(news.bus).name, b"what?")
    await news.tell(an_update(1))
    await news.sequence()
    await publish(news, publisher)
    assert len(await read_events(news)) == 2


LEADS = """
import asyncio, sys
from pydantic import SecretStr
from glimpse import settings
from glimpse.bus import leader
from glimpse.database.pool import Database

async def main():
    database = await Database.open(settings.Postgres(dsn=SecretStr(sys.argv[1])))
    await leader.follow(database, settings.Bus.model_validate_json(sys.argv[2]), asyncio.Event())

asyncio.run(main())
"""


async def test_a_leader_killed_between_kafkas_acknowledgement_and_its_mark_leaves_only_repeats(
    news, dsn, at_work, a_publisher
):
    await at_work.give_back()
    news.bus = news.bus.model_copy(update={"lease_seconds": 1.0, "kafka_request_timeout_seconds": 1.0})
    await news.tell(*(an_update(version) for version in (1, 2, 3)))
    argv = [sys.executable, "-c", LEADS, dsn, news.bus.model_dump_json()]
    async with gates.closed(dsn, "UPDATE", "marks", "NEW.reader = 'kafka'") as gate:
        process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.DEVNULL)
        await gate.reached()
        process.kill()
        await process.wait()
    assert await mark(news, KAFKA) == 1
    await publish(news, a_publisher())
    found = [message for message in await read_events(news) if message.key == b"i1"]
    assert sequences(found) == [2, 3, 4, 2, 3, 4]
    assert len({dict(message.headers)["ce_id"] for message in found}) == 3
