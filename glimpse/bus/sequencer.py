"""The sequencer: whoever leads moves what was told from the outbox to the log, and gives each event its position.

Positions are dense, and in the order in which each image changed: whoever tells of an image has locked its row before
`seq` is drawn, so that of one image the visible events are all there are up to the last of them. Every step holds the
leader's lease first; a leader that was taken for dead moves nothing any more.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import timedelta

import structlog

from glimpse import process, settings
from glimpse.bus import dead_letters, leases, pace, partitions, positions
from glimpse.bus.leases import Holder, Lease
from glimpse.database.pool import Database, Reader, Transaction
from glimpse.errors import Fenced, Unavailable

log = structlog.get_logger()

LEASE = "sequencer"
SWEEP = timedelta(minutes=1)
"""How often the leader looks for what is too old to keep."""


@dataclass(frozen=True, slots=True)
class Step:
    """What came of one batch."""

    moved: int
    head: int
    """The position given last."""


class Sequencer:
    """One who leads whenever nobody else does."""

    def __init__(self, database: Database, bus: settings.Bus) -> None:
        self._database = database
        self._bus = bus
        self._holder = Holder(database, LEASE, settings.seconds(bus.lease_seconds))
        self._head = 0
        self._last_partition_begins = 0
        self._room_after = float("-inf")
        self._swept = float("-inf")
        self.has_moved = asyncio.Event()
        """Set whenever events were given positions."""

    @property
    def leads(self) -> bool:
        """Whether it is us who lead, as far as we know."""
        return self._holder.has_lease

    async def keep_on(self, stop: asyncio.Event) -> None:
        """Lead when nobody else does, until asked to stop; then let another lead at once."""
        try:
            await pace.keep_on(self.run_once, self._bus, stop, "sequencer")
        finally:
            await process.to_its_end(self.give_back())

    async def run_once(self) -> int:
        """Move one batch, if we lead and there is any; returns how many events were given a position."""
        lease = await self._holder.lease()
        if lease is None:
            return 0
        try:
            return await self._lead(lease)
        except Fenced:
            self._holder.lost(lease)
            return 0

    async def give_back(self) -> None:
        """Let another lead at once."""
        await self._holder.give_back()

    async def _lead(self, lease: Lease) -> int:
        if time.monotonic() - self._swept >= SWEEP.total_seconds():
            await self._sweep(lease)
        async with self._database.reading() as reader:
            if not await _is_waiting(reader):  # cheaper than to find a batch empty
                return 0
        if self._head + self._bus.batch >= self._last_partition_begins and time.monotonic() >= self._room_after:
            await self._make_room(lease)
        step = await advance(self._database, self._bus, lease)
        self._head = step.head
        if step.moved:
            self.has_moved.set()
        return step.moved

    async def _make_room(self, lease: Lease) -> None:
        try:
            async with self._database.transaction() as tx:
                await leases.hold(tx, lease, settings.seconds(self._bus.lease_seconds))
                self._head = await positions.lock(tx)
                made = await partitions.make_room(tx, self._head)
            self._last_partition_begins = made[-1].first
        except Unavailable as error:  # there may be room still; if there is none, nothing moves until there is
            log.warning("partition not made", reason=error.message)
            self._room_after = time.monotonic() + 1

    async def _sweep(self, lease: Lease) -> None:
        self._swept = time.monotonic()
        try:
            await sweep(self._database, self._bus, lease)
        except Unavailable as error:  # somebody reads for long; what is too old can wait, what is new can not
            log.info("old news not dropped", reason=error.message)


async def advance(database: Database, bus: settings.Bus, lease: Lease) -> Step:
    """Give positions to one batch under a lease. Raises Fenced."""
    async with database.transaction() as tx:
        await leases.hold(tx, lease, settings.seconds(bus.lease_seconds))
        head = await positions.lock(tx)
        room = partitions.room(await partitions.list_partitions(tx), head)
        moved = await _move(tx, head, min(bus.batch, room))
        if moved:
            await positions.move(tx, head + moved)
    return Step(moved, head + moved)


async def sweep(database: Database, bus: settings.Bus, lease: Lease) -> int:
    """Drop what is too old to keep, under a lease; returns how many partitions that were. Raises Fenced."""
    async with database.transaction() as tx:
        await leases.hold(tx, lease, settings.seconds(bus.lease_seconds))
        await dead_letters.delete_old(tx, timedelta(days=bus.dead_letter_days))
        return await partitions.drop_old(tx, await positions.lock(tx), timedelta(days=bus.keep_days))


async def _is_waiting(reader: Reader) -> bool:
    return await reader.fetchval("SELECT seq FROM outbox ORDER BY seq LIMIT 1") is not None


async def _move(tx: Transaction, head: int, limit: int) -> int:
    """Move events from the outbox to the log, at positions behind `head`; returns how many."""
    moved: int = await tx.fetchval(
        """
        WITH taken AS (
            DELETE FROM outbox
             WHERE seq = ANY (ARRAY(SELECT seq FROM outbox ORDER BY seq LIMIT $2))
         RETURNING seq, id, type, subject, version, actor, traceparent, data, occurred_at
        ), placed AS (
            INSERT INTO events (pos, id, type, subject, version, actor, traceparent, data, occurred_at)
            SELECT $1 + row_number() OVER (ORDER BY seq), id, type, subject, version, actor, traceparent, data,
                   occurred_at
              FROM taken
         RETURNING pos
        )
        SELECT count(pos) FROM placed
        """,
        head,
        limit,
    )
    return moved
