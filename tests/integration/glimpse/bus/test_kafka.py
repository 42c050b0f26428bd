"""Groups that read Kafka: what it repeats, mixes up, or loses sight of has each effect once all the same."""

import asyncio
import contextlib
import json
import sys

import pytest
from aiokafka import AIOKafkaProducer

from glimpse.bus import consumer, lag, marks, topics, unreadable
from glimpse.bus.consumer import Consumer
from glimpse.bus.groups import KAFKA
from glimpse.bus.kafka import KafkaTransport
from glimpse.bus.log import LogTransport
from glimpse.bus.publisher import Publisher
from glimpse.errors import Fenced, Stuck, TooManyDeadLetters, Unavailable
from schemas.events import ImageUpdated
from tests.fixtures.kafka import free_port, read_all

GROUP = "g"

pytestmark = pytest.mark.usefixtures("kafka")


@pytest.fixture
def news(news, kafka_settings):
    rules = {"attempts": 3, "retry_seconds": 0.0, "lease_seconds": 30.0, "kafka_request_timeout_seconds": 5.0}
    news.bus = news.bus.model_copy(update={**rules, **kafka_settings})
    return news


@pytest.fixture(autouse=True)
async def heard_table(news):
    await news.execute("CREATE TABLE heard (nth bigserial, subject text, version bigint)")


@pytest.fixture
async def a_reader(news):
    """Make readers of a group, whose transports are closed at the end."""
    made = []

    def make(reaction=None, kind=KafkaTransport):
        transport = kind(news.database, news.bus, GROUP)
        made.append(transport)
        reading = Consumer(news.database, news.bus, transport, GROUP, {ImageUpdated: reaction or hear})
        reading.transport = transport
        return reading

    yield make
    for transport in made:
        await transport.close()


@pytest.fixture
async def publisher(news):
    publisher = Publisher(news.database, news.bus, lambda: True)
    yield publisher
    await publisher.give_back()


@pytest.fixture
def tell(news, publisher):
    """Tell that images changed, until Kafka has it."""

    async def told(*versions, subject="i1"):
        for version in versions:
            await news.tell(ImageUpdated(subject=subject, version=version, image={"id": subject}))
        await news.sequence()
        await published(news, publisher)

    return told


async def published(news, publisher):
    head = await news.value("SELECT pos FROM positions")

    async def has_all():
        await publisher.run_once()
        async with news.database.reading() as reader:
            return await marks.find(reader, KAFKA, marks.LOG) == head

    await news.until(has_all)


async def hear(tx, event):
    await tx.execute("INSERT INTO heard (subject, version) VALUES ($1, $2)", event.subject, event.version)


async def heard(news):
    return [version for (version,) in await news.rows("SELECT version FROM heard ORDER BY nth")]


async def until_heard(news, reader, count):
    async def is_heard():
        await reader.run_once()
        return len(await heard(news)) >= count

    await news.until(is_heard)


async def write(news, *messages):
    """Write to the events topic as anybody could."""
    async with AIOKafkaProducer(bootstrap_servers=news.bus.kafka_bootstrap) as producer:
        for value, headers in messages:
            await producer.send_and_wait(topics.events(news.bus).name, value, b"i1", headers=headers)


async def test_a_group_that_read_the_log_goes_on_from_there_in_kafka(news, tell, a_reader):
    await tell(1, 2, 3)
    in_the_log = a_reader(kind=LogTransport)
    await until_heard(news, in_the_log, 3)
    await in_the_log.transport.close()
    await tell(4, 5)
    await until_heard(news, a_reader(), 5)
    assert await heard(news) == [1, 2, 3, 4, 5]
    rows = await news.rows("SELECT partition, pos FROM marks WHERE reader = 'g' ORDER BY partition")
    assert [partition for partition, _ in rows] == [0, 1, 2]  # the log is not kept for it any more
    assert sorted(pos for _, pos in rows) == [3, 3, 5]


async def test_as_long_as_one_of_a_group_reads_the_log_none_reads_kafka(news, tell, a_reader):
    await tell(1)
    in_the_log, in_kafka = a_reader(kind=LogTransport), a_reader()
    await in_the_log.run_once()
    await tell(2)

    async def has_fetched():
        assert await in_kafka.run_once() == 0
        return in_kafka.transport._parts

    await news.until(has_fetched)
    assert await in_the_log.run_once() == 1
    await in_the_log.transport.close()
    await tell(3)
    await until_heard(news, in_kafka, 3)
    assert await heard(news) == [1, 2, 3]


async def test_a_group_that_comes_back_to_the_log_misses_nothing(news, tell, a_reader):
    for number in range(20):  # some in each partition
        await tell(1, subject=f"i{number}")
    in_kafka = a_reader()
    await until_heard(news, in_kafka, 20)
    await tell(2, subject="i1")
    await in_kafka.transport.close()
    slowest = await news.value("SELECT min(pos) FROM marks WHERE reader = 'g'")
    assert slowest > 0
    in_the_log = a_reader(kind=LogTransport)
    await in_the_log.run_once()
    assert len(await heard(news)) == 20 + 21 - slowest
    assert (await heard(news))[-1] == 2


async def test_what_kafka_has_twice_has_its_effect_once(news, tell, publisher, a_reader):
    await tell(1, 2, 3)
    await news.execute("UPDATE marks SET pos = 1 WHERE reader = 'kafka'")
    await published(news, publisher)
    await tell(4)
    assert len(await read_all(news.bus.kafka_bootstrap, topics.events(news.bus).name)) == 6
    await until_heard(news, a_reader(), 4)
    assert await heard(news) == [1, 2, 3, 4]


async def test_offsets_follow_what_is_behind_the_group(news, tell, a_reader):
    await tell(1, 2, 3)
    reader = a_reader()
    await until_heard(news, reader, 3)
    await reader.transport.close()
    found = await lag.of_group(news.bus, GROUP)
    assert sorted((each.committed, each.end) for each in found.values()) == [(0, 0), (0, 0), (3, 3)]


async def test_a_message_that_is_no_event_is_put_aside_as_it_came_and_the_next_are_heard(news, tell, a_reader):
    await tell(1)
    await write(news, (b"what?", [("content-type", b"text/plain"), ("mine", b"\xff")]), (None, []))
    await tell(2)
    reader = a_reader()
    await until_heard(news, reader, 2)
    assert await heard(news) == [1, 2]
    found = await read_all(news.bus.kafka_bootstrap, topics.dead_letters(news.bus, GROUP).name)
    assert [(message.key, message.value) for message in found] == [(b"i1", b"what?"), (b"i1", None)]
    headers = dict(found[0].headers)
    assert (headers.pop("content-type"), headers.pop("mine")) == (b"text/plain", b"\xff")
    assert b"this is no event of ours" in headers["glimpse_reason"]
    assert (headers["glimpse_topic"], headers["glimpse_offset"]) == (topics.events(news.bus).name.encode(), b"1")
    assert await news.value("SELECT count(*) FROM dead_letters") == 0
    await reader.transport.close()
    assert {each.behind for each in (await lag.of_group(news.bus, GROUP)).values()} == {0}


async def test_an_event_of_another_deployment_is_put_aside(news, tell, a_reader):
    await tell(1)
    (message,) = await read_all(news.bus.kafka_bootstrap, topics.events(news.bus).name)
    headers = dict(message.headers) | {"ce_source": b"//glimpse/elsewhere", "ce_sequence": b"9" * 10}
    whole = {"specversion": "1.0", "id": headers["ce_id"].decode(), "source": "//glimpse/there", "type": "t"}
    whole |= {"subject": "i1", "time": "2026-11-25T02:28:05Z", "sequence": "9" * 10, "data": {}}
    structured = [("content-type", b"application/cloudevents+json")]
    await write(news, (message.value, list(headers.items())), (json.dumps(whole).encode(), structured))
    await tell(2)
    await until_heard(news, a_reader(), 2)
    assert await heard(news) == [1, 2]
    reasons = [each.reason for each in await unreadable.list_of(news.bus, GROUP)]
    assert [reason.partition(":")[0] for reason in reasons] == [
        "it comes from //glimpse/elsewhere",
        "it comes from //glimpse/there",
    ]


async def test_a_group_that_can_read_nothing_stops_before_it_has_put_aside_too_much(news, tell, a_reader):
    news.bus = news.bus.model_copy(update={"dead_letter_limit": 2})
    await tell(1)
    await write(news, *[(b"what?", [])] * 4)
    reader = a_reader()

    async def has_stopped():
        try:
            await reader.run_once()
        except TooManyDeadLetters as error:
            return error.message

    assert "`glimpse events dlq unreadable`" in await news.until(has_stopped)
    assert len(await unreadable.list_of(news.bus, GROUP)) == 2
    await reader.transport.close()
    assert await unreadable.drop(news.bus, GROUP) == 2
    reader = a_reader()

    async def has_read_all():
        await reader.run_once()
        return len(await unreadable.list_of(news.bus, GROUP)) == 2

    await news.until(has_read_all)


async def test_when_partitions_are_shared_out_anew_what_was_read_before_is_refused(news, tell, a_reader):
    await tell(1)
    one, other = a_reader(), a_reader()
    deliveries = await news.until(one.transport.read)
    async with news.database.transaction() as tx:
        await one.transport.hold(tx)

    async def is_refused():
        await other.transport.read()
        try:
            async with news.database.transaction() as tx:
                await one.transport.hold(tx)
        except Fenced:
            return True
        return False

    await news.until(is_refused)
    await one.transport.acknowledge(deliveries)  # nobody hears of this
    for reader in (one, other):
        await reader.transport.close()
    await until_heard(news, a_reader(), 1)
    assert await heard(news) == [1]


async def test_what_is_being_handled_when_its_partition_moves_is_not_handled_twice(news, tell, a_reader):
    await tell(1, 2)
    stuck, goes_on = asyncio.Event(), asyncio.Event()

    async def take_long(tx, event):
        await hear(tx, event)
        stuck.set()
        await goes_on.wait()

    slow, other = a_reader(take_long), a_reader()

    async def keep_reading(reader):
        while True:
            await reader.run_once()
            await asyncio.sleep(0)

    reading = [asyncio.create_task(keep_reading(slow))]
    await asyncio.wait_for(stuck.wait(), 20)
    reading.append(asyncio.create_task(keep_reading(other)))

    async def has_moved():
        return slow.transport._read_in != slow.transport._generation

    await news.until(has_moved)
    goes_on.set()
    await tell(3)

    async def all_heard():
        return len(await heard(news)) >= 3

    await news.until(all_heard)
    for task in reading:
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)
    assert await heard(news) == [1, 2, 3]


async def test_a_reader_that_has_fallen_silent_ends_its_process(news, tell):
    news.bus = news.bus.model_copy(update={"kafka_watchdog_seconds": 0.5})
    await tell(1)
    transport = KafkaTransport(news.database, news.bus, GROUP)
    reader = Consumer(news.database, news.bus, transport, GROUP, {ImageUpdated: hear})
    await until_heard(news, reader, 1)
    transport._consumer.pause(*transport._consumer.assignment())  # as a driver does that has lost its way
    await tell(2)
    with pytest.raises(Stuck, match=r"g has heard nothing for 0.5 seconds, .* in partitions \d of 3"):
        await until_heard(news, reader, 2)
    await transport.close()


async def test_a_reader_with_nothing_to_hear_is_left_alone(news, tell, a_reader):
    news.bus = news.bus.model_copy(update={"kafka_watchdog_seconds": 0.05})
    await tell(1)
    reader = a_reader()
    await until_heard(news, reader, 1)
    await reader.transport.close()
    reader = a_reader()
    looked = asyncio.get_running_loop().time() + 1
    while asyncio.get_running_loop().time() < looked:
        await reader.run_once()
    await tell(2)
    await until_heard(news, reader, 2)


async def test_while_kafka_is_away_a_reader_waits(news):
    news.bus = news.bus.model_copy(update={"kafka_bootstrap": f"127.0.0.1:{free_port()}"})
    transport = KafkaTransport(news.database, news.bus, GROUP)
    with pytest.raises(Unavailable, match="Kafka does not do what it should"):
        await transport.read()
    stop = asyncio.Event()
    reading = asyncio.create_task(consumer.follow(news.database, news.bus, GROUP, {ImageUpdated: hear}, stop))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.shield(reading), 0.5)
    assert not reading.done()
    stop.set()
    await asyncio.wait_for(reading, 10)


KILLED = """
import asyncio, sys
from pydantic import SecretStr
from glimpse import settings, telemetry
from glimpse.bus import consumer
from glimpse.database.pool import Database
from schemas.events import ImageUpdated

async def hear(tx, event):
    await tx.execute("INSERT INTO heard (subject, version) VALUES ($1, $2)", event.subject, event.version)
    if event.version == 2:
        print("in the middle", flush=True)
        await asyncio.sleep(3600)

async def main():
    telemetry.configure(settings.Log(), "reader")
    database = await Database.open(settings.Postgres(dsn=SecretStr(sys.argv[1])))
    bus = settings.Bus.model_validate_json(sys.argv[2])
    await consumer.follow(database, bus, "g", {ImageUpdated: hear}, asyncio.Event())

asyncio.run(main())
"""


async def test_when_a_reader_is_killed_in_the_middle_another_goes_on_from_there(news, dsn, tell, a_reader):
    news.bus = news.bus.model_copy(update={"lease_seconds": 2.0})
    await tell(1, 2, 3)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", KILLED, dsn, news.bus.model_dump_json(), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"in the middle\n"
    finally:
        process.kill()
        await process.communicate()
    await until_heard(news, a_reader(), 3)
    assert await heard(news) == [1, 2, 3]
