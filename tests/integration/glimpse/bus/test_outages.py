"""Kafka killed, asleep, away from the start, back with less than it had, and behind a locked door."""

import asyncio
import secrets
import shutil
from collections import defaultdict

import pytest

from glimpse.bus import consumer, leader, marks, topics
from glimpse.bus.groups import KAFKA
from glimpse.bus.publisher import Publisher
from glimpse.errors import Unavailable
from schemas.events import ImageUpdated
from tests.fixtures.kafka import PASSWORD, USER, read_all

GROUP = "g"
SUBJECTS = [f"i{number}" for number in range(10)]


@pytest.fixture
def news(news, broker):
    rules = {"kafka_bootstrap": broker.bootstrap, "kafka_topic_prefix": f"t{secrets.token_hex(6)}"}
    rules |= {"kafka_partitions": 3, "kafka_request_timeout_seconds": 2.0, "lease_seconds": 2.0}
    news.bus = type(news.bus).model_validate({**news.bus.model_dump(), **rules})
    return news


@pytest.fixture(autouse=True)
async def heard_table(news):
    await news.execute("CREATE TABLE heard (nth bigserial, subject text, version bigint)")


async def hear(tx, event):
    await tx.execute("INSERT INTO heard (subject, version) VALUES ($1, $2)", event.subject, event.version)


@pytest.fixture
async def running(news):
    """A leader and two readers of a group, as three processes run them."""
    stop = asyncio.Event()
    loops = [leader.follow(news.database, news.bus, stop)]
    loops += [consumer.follow(news.database, news.bus, GROUP, {ImageUpdated: hear}, stop) for _ in range(2)]
    tasks = [asyncio.create_task(loop) for loop in loops]
    yield tasks
    stop.set()
    await asyncio.wait_for(asyncio.gather(*tasks), 30)


async def tell(news, version):
    for subject in SUBJECTS:
        await news.tell(ImageUpdated(subject=subject, version=version, image={"id": subject}))


async def until_heard(news, versions):
    async with asyncio.timeout(60):
        while await news.value("SELECT count(*) FROM heard") < versions * len(SUBJECTS):
            await asyncio.sleep(0.02)  # between two looks; the time-out ends this


async def every_effect_happened_once_and_in_order(news, versions):
    heard = defaultdict(list)
    for subject, version in await news.rows("SELECT subject, version FROM heard ORDER BY nth"):
        heard[subject].append(version)
    assert heard == {subject: list(range(versions)) for subject in SUBJECTS}


async def a_subscriber_hears_all_of_it_in_order(news, versions):
    heard, highest = defaultdict(list), defaultdict(int)
    for message in await read_all(news.bus.kafka_bootstrap, topics.events(news.bus).name):
        headers = dict(message.headers)
        if int(headers["ce_sequence"]) > highest[message.partition]:
            highest[message.partition] = int(headers["ce_sequence"])
            heard[message.key.decode()].append(int(headers["ce_imageversion"]))
    assert heard == {subject: list(range(versions)) for subject in SUBJECTS}


async def published(news, head):
    async with news.database.reading() as reader:
        return (await marks.find(reader, KAFKA, marks.LOG) or 0) >= head


async def kill(broker, tell_on):
    broker.kill()
    await tell_on()
    await asyncio.to_thread(broker.start)


async def put_to_sleep(broker, tell_on):
    with broker.asleep():
        await tell_on()
        await asyncio.sleep(3)  # longer than we wait for an answer: what was sent is answered when nobody listens


@pytest.mark.parametrize("go_away", [kill, put_to_sleep])
async def test_what_is_told_while_kafka_is_away_arrives_once_it_is_back(news, broker, running, go_away):
    versions = 0

    async def tell_some():
        nonlocal versions
        for _ in range(10):
            await tell(news, versions)
            versions += 1

    await tell_some()
    await until_heard(news, versions - 5)  # in the middle of it
    await go_away(broker, tell_some)
    await tell_some()
    await until_heard(news, versions)
    await every_effect_happened_once_and_in_order(news, versions)
    await a_subscriber_hears_all_of_it_in_order(news, versions)
    assert not [task for task in running if task.done()]


async def test_what_was_told_before_kafka_was_there_arrives_when_it_is(news, broker, running):
    broker.kill()
    for version in range(5):
        await tell(news, version)
    await news.until(lambda: news.value("SELECT count(*) = 50 FROM events"))
    await asyncio.to_thread(broker.start)
    await until_heard(news, 5)
    await every_effect_happened_once_and_in_order(news, 5)


async def test_a_producer_that_kafka_has_lost_count_of_is_replaced(news, broker):
    publisher = Publisher(news.database, news.bus, lambda: True)

    async def publish(version):
        await news.tell(ImageUpdated(subject="i1", version=version, image={"id": "i1"}))
        await news.sequence()
        refusals = []
        async with asyncio.timeout(60):
            while not await published(news, version):
                try:
                    await publisher.run_once()
                except Unavailable as error:
                    refusals.append(error.message)
                await asyncio.sleep(0.02)  # between two tries; the time-out ends this
        return refusals

    await publish(1)
    await asyncio.to_thread(broker.stop)
    copy = broker.folder / "copy"
    shutil.copytree(broker.data, copy)
    await asyncio.to_thread(broker.start)
    producer = publisher._producer
    await publish(2)
    assert publisher._producer is producer
    broker.kill()
    shutil.rmtree(broker.data)
    copy.rename(broker.data)
    await asyncio.to_thread(broker.start)
    assert any("OutOfOrderSequenceNumber" in refusal for refusal in await publish(3))
    assert publisher._producer is not producer
    found = await read_all(news.bus.kafka_bootstrap, topics.events(news.bus).name)
    assert [dict(message.headers)["ce_imageversion"] for message in found] == [b"1", b"3"]  # Kafka has lost the second
    await publisher.give_back()


async def test_kafka_may_want_to_know_who_calls_and_show_a_certificate(news, broker):
    rules = {"kafka_bootstrap": broker.locked_bootstrap, "kafka_security_protocol": "SASL_SSL"}
    rules |= {"kafka_user": USER, "kafka_password": PASSWORD, "kafka_ca_file": broker.certificate}
    bus = type(news.bus).model_validate({**news.bus.model_dump(), **rules})
    publisher = Publisher(news.database, bus, lambda: True)
    await publisher.run_once()
    await news.tell(ImageUpdated(subject="i1", version=1, image={"id": "i1"}))
    await news.sequence()
    assert await publisher.run_once() == 1
    await publisher.give_back()
    for wrong in ({"kafka_password": "not it"}, {"kafka_ca_file": None}):
        refused = Publisher(news.database, type(bus).model_validate({**bus.model_dump(), **wrong}), lambda: True)
        with pytest.raises(Unavailable):
            await refused.run_once()
        await refused.give_back()
