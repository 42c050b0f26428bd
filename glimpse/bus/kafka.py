"""Apache Kafka as what brings news to a group: its partitions are shared among the readers of the group.

Nothing of what Kafka promises a group is relied upon. The group's marks, one for each partition, say what is behind it:
what Kafka delivers again is recognised by its position, and offsets are committed now and then only to begin near the
end. When partitions move to another reader, the old one is refused in `hold`, or finds its mark moved.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from glimpse import settings
from glimpse.bus import connection, dead_letters, lag, leases, marks, topics, unreadable
from glimpse.bus.envelope import Envelope
from glimpse.bus.log import lease_of
from glimpse.bus.transport import Delivery
from glimpse.bus.watchdog import Watchdog
from glimpse.database.pool import Database, Transaction
from glimpse.errors import Fenced, Invalid

log = structlog.get_logger()

SHORTEST_SESSION = 6.0
"""Seconds: a broker takes none that is shorter, unless it is told to."""

HEARTBEAT_SECONDS = 0.5
"""How soon a reader learns that another has come or gone."""

COMMIT_SECONDS = 1.0

REBALANCE_PATIENCE = 1.0
"""Seconds that one read waits for partitions to be shared out."""


@dataclass(slots=True)
class Part:
    """One partition of ours: what was fetched, and what the group has of it."""

    fetched: deque[Any] = field(default_factory=deque)
    """As it came."""
    waiting: deque[tuple[int, Envelope]] = field(default_factory=deque)
    """Delivered and not behind the group, with offsets."""
    seen: int | None = None
    """The highest position that was delivered or is behind the group; None when nobody has asked yet."""
    next: int | None = None
    """The offset behind the last message that was looked at."""
    committed: int | None = None

    @property
    def offset(self) -> int | None:
        """Where the group would go on."""
        return self.waiting[0][0] if self.waiting else self.next


class KafkaTransport(ConsumerRebalanceListener):  # type: ignore[misc]  # the driver has no types
    """What one reader of a group is delivered from the partitions that are its own."""

    def __init__(self, database: Database, bus: settings.Bus, group: str) -> None:
        self._database = database
        self._bus = bus
        self._group = group
        self._reached = connection.reached(bus)
        self._topic = topics.events(bus).name
        self._consumer: Any = None
        self._starting: asyncio.Task[None] | None = None
        self._committing: asyncio.Task[None] | None = None
        self._committed_at = time.monotonic()
        self._parts: dict[int, Part] = {}
        self._generation = 0
        """Rises whenever what we had may be another's."""
        self._read_in: int | None = None
        self._watchdog = Watchdog(bus, group)

    async def read(self) -> Sequence[Delivery]:
        """Return what is not behind the group in the partitions that are ours. Raises Unavailable and Stuck."""
        if not await self._is_member():
            return []
        await self._fetch()
        generation = self._generation
        if not await self._learn_marks() or generation != self._generation:
            return []
        for part in list(self._parts.values()):
            await self._look_at(part)
            if generation != self._generation:
                return []
        self._read_in = generation
        self._commit_when_due()
        return list(self._deliveries())

    async def hold(self, tx: Transaction) -> None:
        """See that partitions have not been shared out anew; if they are right now, marks decide. Raises Fenced."""
        if self._consumer is None or self._read_in != self._generation:
            raise Fenced(f"what was read for {self._group} may be another's now")

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Forget what is behind the group."""
        for delivery in deliveries:
            part = self._parts.get(delivery.partition)
            while part and part.waiting and part.waiting[0][1].pos <= delivery.envelope.pos:
                part.waiting.popleft()
        self._commit_when_due()

    async def bury(self, tx: Transaction, delivery: Delivery, reason: str) -> None:
        """Keep an event with the reason in `dead_letters`."""
        await dead_letters.insert(tx, self._group, delivery, reason, self._bus.deployment)

    async def close(self) -> None:
        """Leave the group."""
        consumer, self._consumer = self._consumer, None
        starting, self._starting = self._starting, None
        self._generation += 1
        if consumer is None:
            return
        if starting and not starting.done():
            starting.cancel()
        await asyncio.gather(*(task for task in (starting, self._committing) if task), return_exceptions=True)
        if self._parts:
            await self._commit(consumer)
        await connection.stopped(consumer.stop, self._bus.kafka_request_timeout_seconds)
        self._parts = {}

    def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        """Forget everything: partitions are being shared out anew."""
        self._generation += 1
        self._parts = {}
        self._watchdog.heard()

    def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        """Say which partitions are ours now."""
        numbers = sorted(partition.partition for partition in assigned)
        log.info("partitions are ours", group=self._group, partitions=numbers)

    async def _is_member(self) -> bool:
        """Join the group; False while that is not done."""
        if self._consumer is None:
            await topics.ensure(self._bus, [topics.events(self._bus)])
            self._consumer = self._make_consumer()
            self._starting = asyncio.create_task(self._consumer.start())
            self._watchdog.heard()
        if self._starting:
            await asyncio.wait([self._starting], timeout=self._bus.idle_seconds)
            if not self._starting.done():
                await self._watchdog.look(set())
                return False
            starting, self._starting = self._starting, None
            try:
                with connection.answering():
                    starting.result()
            except BaseException:
                await self.close()
                raise
        return True

    def _make_consumer(self) -> Any:
        consumer = AIOKafkaConsumer(
            **self._reached,
            group_id=lag.group_id(self._bus, self._group),
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=connection.milliseconds(max(self._bus.lease_seconds, SHORTEST_SESSION)),
            heartbeat_interval_ms=connection.milliseconds(HEARTBEAT_SECONDS),
        )
        consumer.subscribe([self._topic], listener=self)
        return consumer

    async def _fetch(self) -> None:
        """Take what has arrived for partitions of which nothing waits."""
        free = [each for each in self._consumer.assignment() if not self._waits(each.partition)]
        if not free:
            self._watchdog.heard()
        if not free and self._parts:
            return
        try:
            with connection.answering():
                found = await self._get(free)
        except BaseException:
            await self.close()
            raise
        for partition, messages in found.items():  # of the present generation: nothing was awaited since it was got
            self._parts.setdefault(partition.partition, Part()).fetched.extend(messages)
        if found:
            self._watchdog.heard()
        await self._watchdog.look({each.partition for each in free})

    async def _get(self, free: list[TopicPartition]) -> dict[TopicPartition, list[Any]]:
        wait = connection.milliseconds(self._bus.busy_seconds)
        try:
            async with asyncio.timeout(REBALANCE_PATIENCE):
                found: dict[TopicPartition, list[Any]] = await self._consumer.getmany(
                    *free, timeout_ms=wait, max_records=self._bus.batch
                )
                return found
        except TimeoutError:
            return {}

    def _waits(self, partition: int) -> bool:
        part = self._parts.get(partition)
        return part is not None and bool(part.waiting or part.fetched)

    async def _learn_marks(self) -> bool:
        """Ask how far the group is in partitions that are new to us; False while one of it still reads the log."""
        parts = {number: part for number, part in self._parts.items() if part.seen is None}
        if not parts:
            return True
        numbers = sorted(self._consumer.partitions_for_topic(self._topic) or parts)
        async with self._database.transaction() as tx:
            if await leases.take(tx, lease_of(self._group), "readers of Kafka", timedelta(0)) is None:
                log.info("another still reads the log", group=self._group)
                return False
            await marks.split(tx, self._group, numbers)
            known = await marks.list_of(tx, self._group)
        for number, part in parts.items():
            part.seen = known.get(number, 0)
        return True

    async def _look_at(self, part: Part) -> None:
        """Read what was fetched, leave out what is not new, and put aside what makes no sense."""
        while part.fetched:
            message = part.fetched[0]
            try:
                told = unreadable.read(message, self._bus.deployment, part.seen or 0)
            except Invalid as error:
                if part.waiting:  # first what is before it, so that it is not put aside once more after a crash
                    return
                await unreadable.put_aside(self._bus, self._group, message, error.message)
            else:
                if told:
                    part.waiting.append((message.offset, told))
                    part.seen = told.pos
            part.next = message.offset + 1
            part.fetched.popleft()

    def _deliveries(self) -> Iterator[Delivery]:
        for number, part in self._parts.items():
            for _, told in part.waiting:
                yield Delivery(number, told)

    def _commit_when_due(self) -> None:
        if time.monotonic() - self._committed_at < COMMIT_SECONDS or (self._committing and not self._committing.done()):
            return
        self._committed_at = time.monotonic()
        self._committing = asyncio.create_task(self._commit(self._consumer))

    async def _commit(self, consumer: Any) -> None:
        """Tell Kafka where the group would go on; it need not hear of it."""
        moved = {number: part for number, part in self._parts.items() if part.offset not in (None, part.committed)}
        if not moved:
            return
        offsets = {TopicPartition(self._topic, number): part.offset for number, part in moved.items()}
        try:
            async with asyncio.timeout(self._bus.kafka_request_timeout_seconds):
                await consumer.commit(offsets)
        except Exception as error:
            log.debug("offsets not committed", group=self._group, reason=repr(error))
            return
        for number, part in moved.items():
            part.committed = offsets[TopicPartition(self._topic, number)]
