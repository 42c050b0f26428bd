"""What every transport promises (glimpse/bus/transport.py), held against each of them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from glimpse import settings
from glimpse.bus import dead_letters, log, marks
from glimpse.bus.consumer import Consumer
from glimpse.bus.kafka import KafkaTransport
from glimpse.bus.log import LogTransport
from glimpse.bus.publisher import Publisher
from glimpse.bus.sequencer import Sequencer
from glimpse.bus.transport import Delivery, Transport
from glimpse.database.pool import Database, Transaction
from glimpse.errors import Fenced
from schemas.events import Event, ImageUpdated

GROUP = "g"


@dataclass
class Line:
    """A transport, and a way to say something on it."""

    database: Database
    bus: settings.Bus
    make: Callable[[Database, settings.Bus, str], Transport]
    publisher: Publisher | None = None
    opened: list[Transport] = field(default_factory=list)

    def reader(self, group: str = GROUP) -> Transport:
        self.opened.append(self.make(self.database, self.bus, group))
        return self.opened[-1]

    async def tell(self, *events: Event) -> None:
        async with self.database.transaction() as tx:
            for event in events:
                await tx.emit(event)
        sequencer = Sequencer(self.database, self.bus)
        while await sequencer.run_once():
            pass
        await sequencer.give_back()
        while self.publisher and await self.publisher.run_once():
            pass

    async def pass_over(self, transport: Transport, deliveries: Sequence[Delivery], group: str = GROUP) -> None:
        """Put deliveries behind a group, as its consumer does."""
        last = {delivery.partition: delivery for delivery in deliveries}
        async with self.database.transaction() as tx:
            await transport.hold(tx)
            await marks.move_all(tx, group, {partition: each.envelope.pos for partition, each in last.items()})
        await transport.acknowledge(list(last.values()))


@pytest.fixture(params=["log", "kafka"])
async def line(request: pytest.FixtureRequest, database: Database) -> AsyncIterator[Line]:
    made = Line(database, settings.Bus(lease_seconds=30, batch=10), LogTransport)
    if request.param == "kafka":
        bus = made.bus.model_copy(update=request.getfixturevalue("kafka_settings"))
        made = Line(database, bus, KafkaTransport, Publisher(database, bus, lambda: True))
    yield made
    for transport in made.opened:
        await transport.close()
    if made.publisher:
        await made.publisher.give_back()


def updates(*versions: int, subject: str = "i1") -> list[Event]:
    return [ImageUpdated(subject=subject, version=version, image={"id": subject}) for version in versions]


async def read_some(transport: Transport) -> Sequence[Delivery]:
    async with asyncio.timeout(20):
        while not (found := await transport.read()):
            await asyncio.sleep(0.01)
    return found


def versions(deliveries: Sequence[Delivery]) -> list[int | None]:
    return [delivery.envelope.version for delivery in deliveries]


async def test_an_event_arrives_whole(line: Line) -> None:
    await line.tell(*updates(1))
    (delivery,) = await read_some(line.reader())
    async with line.database.reading() as reader:
        assert [delivery.envelope] == await log.list_from(reader, 1, 10)


async def test_a_new_group_begins_with_the_oldest_that_is_kept(line: Line) -> None:
    await line.tell(*updates(1, 2, 3))
    assert versions(await read_some(line.reader("new"))) == [1, 2, 3]


async def test_all_of_one_image_arrives_in_its_order(line: Line) -> None:
    await line.tell(*updates(*range(25)))
    transport, found = line.reader(), []
    while len(found) < 25:
        deliveries = await read_some(transport)
        await line.pass_over(transport, deliveries)
        found += versions(deliveries)
    assert found == list(range(25))


async def test_positions_rise_within_a_partition(line: Line) -> None:
    for number in range(10):
        await line.tell(*updates(1, subject=f"image {number}"))
    seen: dict[int, int] = {}
    transport, count = line.reader(), 0
    while count < 10:
        deliveries = await read_some(transport)
        for delivery in deliveries:
            assert delivery.envelope.pos > seen.get(delivery.partition, 0)
            seen[delivery.partition] = delivery.envelope.pos
        await line.pass_over(transport, deliveries)
        count += len(deliveries)


async def test_what_was_not_acknowledged_is_returned_again_from_the_first(line: Line) -> None:
    await line.tell(*updates(1, 2, 3))
    transport = line.reader()
    deliveries = await read_some(transport)
    assert versions(await read_some(transport)) == [1, 2, 3]
    await line.pass_over(transport, deliveries[:1])
    assert versions(await read_some(transport)) == [2, 3]


async def test_what_is_behind_the_group_is_not_read_again_by_the_next_reader(line: Line) -> None:
    await line.tell(*updates(1, 2, 3))
    first = line.reader()
    await line.pass_over(first, (await read_some(first))[:2])
    await first.close()
    assert versions(await read_some(line.reader())) == [3]


async def test_with_no_news_there_is_nothing_to_read(line: Line) -> None:
    assert await line.reader().read() == []


async def test_each_group_hears_everything(line: Line) -> None:
    await line.tell(*updates(1, 2))
    for group in ("a", "b"):
        transport = line.reader(group)
        deliveries = await read_some(transport)
        assert versions(deliveries) == [1, 2]
        await line.pass_over(transport, deliveries, group)


async def test_a_partition_is_one_readers_at_a_time(line: Line) -> None:
    await line.tell(*updates(1, 2))
    readers = [line.reader() for _ in range(3)]
    held: list[set[int]] = []
    async with asyncio.timeout(20):
        while True:
            before, held = held, [await partitions_held(line, reader) for reader in readers]
            if any(held) and held == before:  # nothing moved from one to another between the first look and the last
                break
            await asyncio.sleep(0.01)  # the partitions are being shared out; the time-out ends this
    assert sum(len(part) for part in held) == len(set().union(*held))


async def partitions_held(line: Line, reader: Transport) -> set[int]:
    """Return the partitions that a reader is delivered, and can hold."""
    deliveries = await reader.read()
    with contextlib.suppress(Fenced):
        async with line.database.transaction() as tx:
            await reader.hold(tx)
        return {delivery.partition for delivery in deliveries}
    return set()


async def test_who_closes_lets_another_read_at_once(line: Line) -> None:
    await line.tell(*updates(1))
    first = line.reader()
    await read_some(first)
    await first.close()
    assert versions(await read_some(line.reader())) == [1]


async def test_what_is_put_aside_is_there_with_the_commit_and_not_without(line: Line) -> None:
    await line.tell(*updates(1))
    transport = line.reader()
    (delivery,) = await read_some(transport)

    async def put_aside(tx: Transaction) -> None:
        await transport.hold(tx)
        await transport.bury(tx, delivery, "it is broken")

    with pytest.raises(ZeroDivisionError):  # noqa: PT012
        async with line.database.transaction() as tx:
            await put_aside(tx)
            raise ZeroDivisionError
    async with line.database.reading() as reader:
        assert await dead_letters.count(reader, GROUP) == 0
    async with line.database.transaction() as tx:
        await put_aside(tx)
    async with line.database.reading() as reader:
        (letter,) = await dead_letters.list_of(reader, GROUP)
    assert (letter.pos, letter.reason, letter.reader) == (delivery.envelope.pos, "it is broken", GROUP)


async def test_who_has_nothing_holds_nothing(line: Line) -> None:
    with pytest.raises(Fenced):
        async with line.database.transaction() as tx:
            await line.reader().hold(tx)


async def test_however_readers_come_and_go_each_event_has_its_effect_once(line: Line) -> None:
    line.bus = line.bus.model_copy(update={"lease_seconds": 0.2})
    time_for_a_look = 0.05 if line.publisher is None else 1.0  # Kafka takes a while to share partitions out
    async with line.database.transaction() as tx:
        await tx.execute("CREATE TABLE heard (nth bigserial, version bigint)")

    async def hear(tx: Transaction, event: Event) -> None:
        await tx.execute("INSERT INTO heard (version) VALUES ($1)", event.version)

    async def come_and_go(patience: float) -> None:
        """Read for a while, then vanish in the middle of whatever it is; again and again."""
        while True:
            transport = line.reader()
            consumer = Consumer(line.database, line.bus, transport, GROUP, {ImageUpdated: hear})
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience * time_for_a_look):
                    while True:
                        await consumer.run_once()
                        await asyncio.sleep(0)
            if isinstance(transport, KafkaTransport):  # else its driver would go on saying that it lives
                await transport.close()

    readers = [asyncio.create_task(come_and_go(patience)) for patience in (1.0, 1.4, 2.2)]
    total = 0
    try:
        while total < 120 or len(line.opened) < 12:
            await line.tell(*updates(*range(total, total + 5)))
            total += 5
        async with asyncio.timeout(30):
            while await _count(line) < total:
                await asyncio.sleep(0.01)
    finally:
        for reader in readers:
            reader.cancel()
        await asyncio.gather(*readers, return_exceptions=True)
    async with line.database.reading() as reader:
        rows = await reader.fetch("SELECT version FROM heard ORDER BY nth")
    assert [row["version"] for row in rows] == list(range(total))


async def _count(line: Line) -> int:
    async with line.database.reading() as reader:
        count: int = await reader.fetchval("SELECT count(*) FROM heard")
    return count
