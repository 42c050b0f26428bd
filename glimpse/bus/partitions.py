"""The partitions of the log: one is always made ahead of the last position, and old ones go when nobody needs them.

A partition holds about a day's news, so that what is kept is neither much more than was asked for nor thousands of
tables. Making one stops neither readers nor writers; dropping one waits only a moment for readers, and is tried again
later when that was not enough.
"""

import re
from dataclasses import dataclass
from datetime import timedelta

import structlog

from glimpse.bus import marks
from glimpse.database.pool import Reader, Transaction

log = structlog.get_logger()

SMALLEST = 10_000
LARGEST = 10_000_000
GROWTH = 4
"""How many times larger than the one before it a partition may be: a burst shall not make one that lasts for years."""

NAME = re.compile(r"^events_\d+$")


@dataclass(frozen=True, slots=True)
class Partition:
    """Positions from `first` to `last`, in a table of their own."""

    name: str
    first: int
    last: int

    @property
    def size(self) -> int:
        """How many positions it has room for."""
        return self.last - self.first + 1


async def list_partitions(reader: Reader) -> list[Partition]:
    """Return all of them, oldest first."""
    rows = await reader.fetch(
        r"""
        SELECT child.relname AS name,
               (regexp_match(pg_get_expr(child.relpartbound, child.oid), 'FROM \(''?(\d+)'))[1]::bigint AS first,
               (regexp_match(pg_get_expr(child.relpartbound, child.oid), 'TO \(''?(\d+)'))[1]::bigint - 1 AS last
          FROM pg_inherits AS link
          JOIN pg_class AS child ON child.oid = link.inhrelid
         WHERE link.inhparent = 'events'::regclass
         ORDER BY first
        """
    )
    return [Partition(row["name"], row["first"], row["last"]) for row in rows]


def room(partitions: list[Partition], head: int) -> int:
    """Return how many positions after `head` there are tables for."""
    end = head
    for partition in partitions:
        if partition.first <= end + 1 <= partition.last:
            end = partition.last
    return end - head


async def make_room(tx: Transaction, head: int) -> list[Partition]:
    """Make partitions until there is one behind the one that the next position goes to; returns all there are."""
    partitions = await list_partitions(tx)
    while not partitions or partitions[-1].first <= head + 1:
        first = max(head + 1, partitions[-1].last + 1 if partitions else 1)
        made = Partition(f"events_{first}", first, first + await _next_size(tx, partitions, head) - 1)
        await _make(tx, made)
        log.info("partition made", name=made.name, size=made.size)
        partitions.append(made)
    return partitions


async def drop_old(tx: Transaction, head: int, keep: timedelta) -> int:
    """Drop what is older than `keep` and behind every group, oldest first; returns how many partitions that were."""
    partitions = await list_partitions(tx)
    needed = await marks.find_slowest(tx)
    dropped = 0
    for partition in partitions:
        if partition.last > head or not await _is_old(tx, partition, keep):
            break
        if needed is not None and needed.pos < partition.last and await _holds_after(tx, partition, needed.pos):
            log.warning("old news is kept for a group that has not read it", group=needed.reader, mark=needed.pos)
            break
        await _drop(tx, partition)
        log.info("partition dropped", name=partition.name)
        dropped += 1
    return dropped


async def _next_size(tx: Transaction, partitions: list[Partition], head: int) -> int:
    """Return the room for a day's news at the rate of the last two partitions that were begun."""
    begun = [partition for partition in partitions if partition.first <= head][-2:]
    if not begun:
        return SMALLEST
    took: timedelta | None = await tx.fetchval(
        """
        SELECT clock_timestamp() - sequenced_at FROM events WHERE pos >= $1 ORDER BY pos LIMIT 1
        """,
        begun[0].first,
    )
    given = sum([await _count(tx, partition) for partition in begun])
    days = max(took or timedelta(days=1), timedelta(seconds=1)) / timedelta(days=1)
    return min(max(round(given / days), SMALLEST), LARGEST, partitions[-1].size * GROWTH)


async def _count(tx: Transaction, partition: Partition) -> int:
    """Return how many events a partition has: positions are dense within it."""
    count: int = await tx.fetchval(
        """
        SELECT coalesce(max(pos) - $1 + 1, 0) FROM events WHERE pos BETWEEN $1 AND $2
        """,
        partition.first,
        partition.last,
    )
    return count


async def _is_old(tx: Transaction, partition: Partition, keep: timedelta) -> bool:
    """Say whether the newest event of a partition is older than that; one without any is."""
    old: bool = await tx.fetchval(
        """
        SELECT coalesce((
            SELECT sequenced_at < clock_timestamp() - $3::interval
              FROM events
             WHERE pos BETWEEN $1 AND $2
             ORDER BY pos DESC
             LIMIT 1
        ), true)
        """,
        partition.first,
        partition.last,
        keep,
    )
    return old


async def _holds_after(tx: Transaction, partition: Partition, mark: int) -> bool:
    """Say whether a partition has an event behind a mark."""
    found: bool = await tx.fetchval(
        """
        SELECT EXISTS (SELECT FROM events WHERE pos BETWEEN $1 AND $2 AND pos > $3)
        """,
        partition.first,
        partition.last,
        mark,
    )
    return found


async def _make(tx: Transaction, partition: Partition) -> None:
    """Attach a table that is there already: to create one as a partition would stop everybody."""
    await tx.execute("SET LOCAL lock_timeout = '200ms'")
    await tx.execute(f"CREATE TABLE {partition.name} (LIKE events INCLUDING ALL)")
    await tx.execute(
        f"ALTER TABLE events ATTACH PARTITION {partition.name} FOR VALUES FROM ({partition.first}) "
        f"TO ({partition.last + 1})"
    )


async def _drop(tx: Transaction, partition: Partition) -> None:
    if not NAME.match(partition.name):
        raise AssertionError(f"{partition.name} is none of our partitions")
    await tx.execute("SET LOCAL lock_timeout = '200ms'")
    await tx.execute(f"DROP TABLE {partition.name}")
