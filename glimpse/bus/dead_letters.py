"""What a group could not handle: put aside with the reason, for people to look at, drop, or have tried again."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from glimpse.bus import envelope
from glimpse.bus.transport import Delivery
from glimpse.database.pool import Reader, Transaction


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that one group put aside."""

    id: int
    reader: str
    pos: int
    event_id: uuid.UUID
    type: str
    subject: str
    reason: str
    message: bytes
    """The whole event, in structured mode."""
    buried_at: datetime
    retry: bool
    """Whether it shall be tried again."""


async def insert(tx: Transaction, group: str, delivery: Delivery, reason: str, deployment: str) -> None:
    """Put an event aside; once is enough."""
    told = delivery.envelope
    await tx.execute(
        """
        INSERT INTO dead_letters (reader, partition, pos, event_id, type, subject, reason, message)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (reader, partition, pos) DO NOTHING
        """,
        group,
        delivery.partition,
        told.pos,
        told.id,
        told.type,
        told.subject,
        reason,
        envelope.to_structured(told, deployment).value,
    )


async def count(reader: Reader, group: str) -> int:
    """Return how many events a group has put aside."""
    found: int = await reader.fetchval("SELECT count(*) FROM dead_letters WHERE reader = $1", group)
    return found


async def list_of(reader: Reader, group: str | None) -> list[DeadLetter]:
    """Return what one group put aside, or all of them, oldest first."""
    rows = await reader.fetch(
        """
        SELECT id, reader, pos, event_id, type, subject, reason, message, buried_at, retry
          FROM dead_letters
         WHERE $1::text IS NULL OR reader = $1
         ORDER BY reader, pos
        """,
        group,
    )
    return [DeadLetter(**dict(row.items())) for row in rows]


async def mark_retry(tx: Transaction, ids: Sequence[int]) -> int:
    """Ask for events to be tried again; returns how many there are."""
    return await tx.execute("UPDATE dead_letters SET retry = true WHERE id = ANY($1)", ids)


async def find_retry(reader: Reader, group: str) -> DeadLetter | None:
    """Return the oldest event that a group shall try again."""
    row = await reader.fetchrow(
        """
        SELECT id, reader, pos, event_id, type, subject, reason, message, buried_at, retry
          FROM dead_letters
         WHERE reader = $1 AND retry
         ORDER BY pos
         LIMIT 1
        """,
        group,
    )
    return row and DeadLetter(**dict(row.items()))


async def mark_failed(tx: Transaction, letter: DeadLetter, reason: str) -> None:
    """Say why trying an event again did not help."""
    await tx.execute("UPDATE dead_letters SET retry = false, reason = $2 WHERE id = $1", letter.id, reason)


async def delete(tx: Transaction, ids: Sequence[int]) -> int:
    """Drop events for good; returns how many there were."""
    return await tx.execute("DELETE FROM dead_letters WHERE id = ANY($1)", ids)


async def delete_old(tx: Transaction, keep: timedelta) -> int:
    """Delete what nobody cared for in all that time; returns how much that was."""
    return await tx.execute("DELETE FROM dead_letters WHERE buried_at < clock_timestamp() - $1::interval", keep)
