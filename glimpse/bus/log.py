"""The embedded transport: a group reads the log itself, as one partition, one reader at a time under a lease.

It needs nothing but the database, and promises more than the port asks for: the mark is where reading begins, so that
what was handled is never even read again.
"""

from collections.abc import Sequence

from glimpse import settings
from glimpse.bus import dead_letters, leases, marks
from glimpse.bus.envelope import Envelope, from_record
from glimpse.bus.leases import Holder, Lease
from glimpse.bus.transport import Delivery
from glimpse.database.pool import Database, Reader, Transaction
from glimpse.errors import Fenced


def lease_of(group: str) -> str:
    """Return the name of the lease that a group's reader holds."""
    return f"reader {group}"


class LogTransport:
    """What one reader of a group is delivered, while no other reads."""

    def __init__(self, database: Database, bus: settings.Bus, group: str) -> None:
        self._database = database
        self._bus = bus
        self._group = group
        self._holder = Holder(database, lease_of(group), settings.seconds(bus.lease_seconds))
        self._lease: Lease | None = None

    async def read(self) -> Sequence[Delivery]:
        """Return what stands behind the group's mark; nothing while another reads."""
        lease = await self._holder.lease()
        if lease is None:
            self._lease = None
            return []
        if lease != self._lease:
            async with self._database.transaction() as tx:
                await leases.hold(tx, lease, settings.seconds(self._bus.lease_seconds))
                await marks.insert(tx, self._group)
            self._lease = lease
        async with self._database.reading() as reader:
            found = await list_unread(reader, self._group, self._bus.batch)
        return [Delivery(marks.LOG, envelope) for envelope in found]

    async def hold(self, tx: Transaction) -> None:
        """Keep the lease until the transaction ends. Raises Fenced."""
        if self._lease is None:
            raise Fenced(f"another reads for {self._group}")
        try:
            await leases.hold(tx, self._lease, settings.seconds(self._bus.lease_seconds))
        except Fenced:
            self._holder.lost(self._lease)
            self._lease = None
            raise

    async def acknowledge(self, deliveries: Sequence[Delivery]) -> None:
        """Do nothing: the mark is all there is."""

    async def bury(self, tx: Transaction, delivery: Delivery, reason: str) -> None:
        """Keep an event with the reason in `dead_letters`."""
        await dead_letters.insert(tx, self._group, delivery, reason, self._bus.deployment)

    async def close(self) -> None:
        """Give the lease back."""
        self._lease = None
        await self._holder.give_back()


async def list_unread(reader: Reader, group: str, limit: int) -> list[Envelope]:
    """Return the events behind a group's mark, oldest first."""
    rows = await reader.fetch(
        """
        SELECT pos, id, type, subject, version, actor, traceparent, data, occurred_at
          FROM events
         WHERE pos > coalesce((SELECT pos FROM marks WHERE reader = $1 AND partition = $2), 0)
         ORDER BY pos
         LIMIT $3
        """,
        group,
        marks.LOG,
        limit,
    )
    return [from_record(row) for row in rows]


async def list_from(reader: Reader, pos: int, limit: int) -> list[Envelope]:
    """Return the events at a position and behind it, oldest first."""
    rows = await reader.fetch(
        """
        SELECT pos, id, type, subject, version, actor, traceparent, data, occurred_at
          FROM events
         WHERE pos >= $1
         ORDER BY pos
         LIMIT $2
        """,
        pos,
        limit,
    )
    return [from_record(row) for row in rows]


async def list_of_subject_from(reader: Reader, subject: str, pos: int, limit: int) -> list[Envelope]:
    """Return the events about one subject at a position and behind it, oldest first."""
    rows = await reader.fetch(
        """
        SELECT pos, id, type, subject, version, actor, traceparent, data, occurred_at
          FROM events
         WHERE subject = $1 AND pos >= $2
         ORDER BY pos
         LIMIT $3
        """,
        subject,
        pos,
        limit,
    )
    return [from_record(row) for row in rows]


async def find_oldest(reader: Reader) -> int | None:
    """Return the oldest position that is kept."""
    pos: int | None = await reader.fetchval("SELECT min(pos) FROM events")
    return pos


async def count_behind(reader: Reader, pos: int) -> int:
    """Return how many events stand behind a mark."""
    count: int = await reader.fetchval("SELECT count(*) FROM events WHERE pos > $1", pos)
    return count
