"""The only loop that reads news: decode, move the mark, react, all in one transaction.

A group's mark moves with the effect, so that each event has its effect once, however often it is delivered. What can
not be read is put aside at once; a reaction that fails is tried again, with growing pauses, while later events of its
partition wait, and is put aside with its reason in the end. A group that puts too much aside stops.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from glimpse import settings
from glimpse.bus import dead_letters, envelope, marks, pace
from glimpse.bus.dead_letters import DeadLetter
from glimpse.bus.envelope import Envelope
from glimpse.bus.log import LogTransport
from glimpse.bus.transport import Delivery, Transport
from glimpse.database.pool import Actor, Database, Transaction
from glimpse.errors import Fenced, GlimpseError, Invalid, TooManyDeadLetters, Unavailable
from schemas.events import Event

log = structlog.get_logger()

Reaction = Callable[[Transaction, Event], Awaitable[None]]
Reactions = Mapping[type[Event], Reaction]
"""What is done about each fact, in the transaction in which the group passes it.

A reaction is quick, and survives hearing the same fact twice. When it raises Unavailable it is called again until it
does not; anything else it raises counts as a failure.
"""

RETRIES_SECONDS = 1.0
"""How often a group looks for what people want to have tried again."""

LONGEST_REASON = 2000


async def follow(database: Database, bus: settings.Bus, group: str, reactions: Reactions, stop: asyncio.Event) -> None:
    """React to every fact in its order, as one of a group of readers, until asked to stop.

    Raises TooManyDeadLetters and Stuck. Whatever is away is waited for.
    """
    transport = _transport(database, bus, group)
    consumer = Consumer(database, bus, transport, group, reactions)
    try:
        await pace.keep_on(consumer.run_once, bus, stop, f"{group} news")
    finally:
        await asyncio.shield(transport.close())


def _transport(database: Database, bus: settings.Bus, group: str) -> Transport:
    """Return what brings news to a group: the log, or Kafka where there is one."""
    if bus.kafka_bootstrap is None:
        return LogTransport(database, bus, group)
    from glimpse.bus.kafka import KafkaTransport  # and its driver, which is loaded only where there is a Kafka

    return KafkaTransport(database, bus, group)


@dataclass(frozen=True, slots=True)
class _Failure:
    """The event that a partition waits for."""

    pos: int
    attempts: int
    due: float


class Consumer:
    """One reader of a group."""

    def __init__(
        self, database: Database, bus: settings.Bus, transport: Transport, group: str, reactions: Reactions
    ) -> None:
        self._database = database
        self._bus = bus
        self._transport = transport
        self._group = group
        self._doors = {kind.type(): (kind, reaction) for kind, reaction in reactions.items()}
        self._failures: dict[int, _Failure] = {}
        self._looked = float("-inf")

    async def run_once(self) -> int:
        """Handle what is delivered now; returns how many events the group has behind it that it had not before."""
        try:
            done = await self._handle_all()
            if time.monotonic() - self._looked >= RETRIES_SECONDS:
                await self._try_again()
                self._looked = time.monotonic()
            return done
        except Fenced as error:  # what we were at is another's now
            log.info("stopped reading", group=self._group, reason=error.message)
            return 0

    async def _handle_all(self) -> int:
        waiting: set[int] = set()
        behind: dict[int, Delivery] = {}
        passed: dict[int, int] = {}
        count = 0
        for delivery in await self._transport.read():
            partition, told = delivery.partition, delivery.envelope
            if partition in waiting:
                continue
            if told.type not in self._doors:
                passed[partition] = max(told.pos, passed.get(partition, 0))
            elif await self._handle(delivery):
                passed.pop(partition, None)
            else:
                waiting.add(partition)
                continue
            behind[partition] = delivery
            count += 1
        if passed:
            async with self._database.transaction() as tx:
                await self._transport.hold(tx)
                await marks.move_all(tx, self._group, passed)
        if behind:
            await self._transport.acknowledge(list(behind.values()))
        return count

    async def _handle(self, delivery: Delivery) -> bool:
        """React to one event; False while it must wait for its next try."""
        told, failure = delivery.envelope, self._failures.get(delivery.partition)
        if failure and failure.pos == told.pos and time.monotonic() < failure.due:
            return False
        kind, reaction = self._doors[told.type]
        try:
            event = envelope.to_event(told, kind)
        except Invalid as error:
            await self._bury(delivery, error.message)
            return True
        try:
            async with self._database.transaction(self._actor(told)) as tx:
                await self._transport.hold(tx)
                if await marks.move(tx, self._group, delivery.partition, told.pos):
                    await reaction(tx, event)
        except (Fenced, Unavailable):
            raise
        except Exception as error:
            return await self._failed(delivery, error)
        self._failures.pop(delivery.partition, None)
        return True

    async def _failed(self, delivery: Delivery, error: Exception) -> bool:
        """Put off an event whose reaction failed, or aside after the last try; returns whether it is behind us."""
        told, before = delivery.envelope, self._failures.get(delivery.partition)
        attempts = 1 + (before.attempts if before and before.pos == told.pos else 0)
        log.warning(
            "reaction failed", group=self._group, pos=told.pos, type=told.type, attempt=attempts, exc_info=error
        )
        if attempts >= self._bus.attempts:
            await self._bury(delivery, _reason(error))
            return True
        due = time.monotonic() + self._bus.retry_seconds * 2 ** (attempts - 1)
        self._failures[delivery.partition] = _Failure(told.pos, attempts, due)
        return False

    async def _bury(self, delivery: Delivery, reason: str) -> None:
        told = delivery.envelope
        async with self._database.transaction() as tx:
            await self._transport.hold(tx)
            if not await marks.move(tx, self._group, delivery.partition, told.pos):
                return
            if await dead_letters.count(tx, self._group) >= self._bus.dead_letter_limit:
                raise TooManyDeadLetters(
                    f"{self._group} stops before event {told.pos} ({reason}): it has put aside as many as it may; see "
                    f"`glimpse events dlq list`, drop them or have them tried again, and start it"
                )
            await self._transport.bury(tx, delivery, reason)
        self._failures.pop(delivery.partition, None)
        log.error("event put aside", group=self._group, pos=told.pos, type=told.type, reason=reason)

    async def _try_again(self) -> None:
        """React to what people want to have tried again."""
        while True:
            async with self._database.reading() as reader:
                letter = await dead_letters.find_retry(reader, self._group)
            if letter is None:
                return
            try:
                await self._react_again(letter)
                log.info("event handled after all", group=self._group, pos=letter.pos, type=letter.type)
            except (Fenced, Unavailable):
                raise
            except Exception as error:
                log.warning("reaction failed again", group=self._group, pos=letter.pos, exc_info=error)
                async with self._database.transaction() as tx:
                    await dead_letters.mark_failed(tx, letter, _reason(error))

    async def _react_again(self, letter: DeadLetter) -> None:
        told = envelope.from_structured(letter.message)
        async with self._database.transaction(self._actor(told)) as tx:
            await self._transport.hold(tx)
            if await dead_letters.delete(tx, [letter.id]) and told.type in self._doors:
                kind, reaction = self._doors[told.type]
                await reaction(tx, envelope.to_event(told, kind))

    def _actor(self, told: Envelope) -> Actor:
        """Return whoever did what we react to, with us as the one who does what follows."""
        return replace(told.actor, service=self._group)


def _reason(error: Exception) -> str:
    text = error.message if isinstance(error, GlimpseError) else f"{type(error).__name__}: {error}"
    return text.replace("\0", "")[:LONGEST_REASON]
