"""How far each group of readers is. A mark moves in the transaction of the effect, and only forward."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from glimpse.database.pool import Reader, Transaction

LOG = -1
"""The partition of a group that reads the log itself; those of a broker begin at 0."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Everything up to `pos` in one partition is behind a group."""

    reader: str
    partition: int
    pos: int
    moved_at: datetime


async def find(reader: Reader, group: str, partition: int) -> int | None:
    """Return a mark; None when the group was never heard of there."""
    pos: int | None = await reader.fetchval(
        """
        SELECT pos FROM marks WHERE reader = $1 AND partition = $2
        """,
        group,
        partition,
    )
    return pos


async def insert(tx: Transaction, group: str) -> None:
    """Make a group known to the log, before everything that is kept; one that is known stays where it is.

    One that comes back from a broker begins where the slowest of its partitions was.
    """
    await tx.execute(
        """
        INSERT INTO marks (reader, partition, pos)
        SELECT $1, $2, coalesce(min(pos), 0) FROM marks WHERE reader = $1 AND partition <> $2
            ON CONFLICT (reader, partition) DO NOTHING
        """,
        group,
        LOG,
    )


async def split(tx: Transaction, group: str, partitions: Sequence[int]) -> None:
    """Let a group that read the log go on from there in the partitions of a broker; the log is not kept for it then."""
    await tx.execute(
        """
        WITH log AS (
            DELETE FROM marks WHERE reader = $1 AND partition = $2 RETURNING pos
        )
        INSERT INTO marks (reader, partition, pos)
        SELECT $1, number, coalesce((SELECT pos FROM log), 0) FROM unnest($3::integer[]) AS number
            ON CONFLICT (reader, partition) DO UPDATE
               SET pos = excluded.pos, moved_at = excluded.moved_at
             WHERE marks.pos < excluded.pos
        """,
        group,
        LOG,
        partitions,
    )


async def move(tx: Transaction, group: str, partition: int, pos: int) -> bool:
    """Take a mark forward to `pos` and hold it; False when it was there already, and what is there was seen."""
    touched = await tx.execute(
        """
        INSERT INTO marks (reader, partition, pos)
        VALUES ($1, $2, $3)
            ON CONFLICT (reader, partition) DO UPDATE
               SET pos = excluded.pos, moved_at = excluded.moved_at
             WHERE marks.pos < excluded.pos
        """,
        group,
        partition,
        pos,
    )
    return touched == 1


async def advance(tx: Transaction, group: str, pos: int) -> None:
    """Take the mark of a group that is known to the log forward; one that was forgotten stays so."""
    await tx.execute(
        """
        UPDATE marks SET pos = $3, moved_at = clock_timestamp() WHERE reader = $1 AND partition = $2 AND pos < $3
        """,
        group,
        LOG,
        pos,
    )


async def move_all(tx: Transaction, group: str, passed: Mapping[int, int]) -> None:
    """Take several marks forward at once: positions by partition."""
    for partition, pos in sorted(passed.items()):
        await move(tx, group, partition, pos)


async def list_of(reader: Reader, group: str) -> dict[int, int]:
    """Return how far a group is, by partition."""
    rows = await reader.fetch("SELECT partition, pos FROM marks WHERE reader = $1", group)
    return {row["partition"]: row["pos"] for row in rows}


async def find_slowest(reader: Reader) -> Mark | None:
    """Return the mark that most of the log is kept for; None when no group reads it."""
    row = await reader.fetchrow(
        """
        SELECT reader, partition, pos, moved_at FROM marks WHERE partition = $1 ORDER BY pos, reader LIMIT 1
        """,
        LOG,
    )
    return row and Mark(**dict(row.items()))


async def list_marks(reader: Reader) -> list[Mark]:
    """Return every mark of every group."""
    rows = await reader.fetch("SELECT reader, partition, pos, moved_at FROM marks ORDER BY reader, partition")
    return [Mark(**dict(row.items())) for row in rows]


async def delete(tx: Transaction, group: str) -> int:
    """Forget a group; returns how many marks it had."""
    return await tx.execute("DELETE FROM marks WHERE reader = $1", group)
