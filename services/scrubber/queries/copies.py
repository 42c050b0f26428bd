"""What the scrubber alone asks about copies of bytes, and does with doomed ones.

How copies come to be doomed, and what their leases are for, is in glimpse/database/blobs.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from glimpse.database.pool import Reader, Transaction
from schemas.vocabulary import STAGING


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of an image's bytes."""

    id: int
    image_id: str
    store: str
    key: str
    size: int | None
    attempts: int
    """How often it was tried in vain, or is tried just now."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Copies of one store that could not be deleted so far."""

    store: str
    copies: int
    reason: str


async def doom_unheard_of(tx: Transaction, limit: int) -> int:
    """Give up copies whose writers have not been heard of for too long; returns how many."""
    return await tx.execute(
        """
        WITH silent AS (
            SELECT id
              FROM blobs
             WHERE state = 'writing' AND (lease_until IS NULL OR lease_until < statement_timestamp())
             ORDER BY lease_until NULLS FIRST
             LIMIT $1
               FOR UPDATE SKIP LOCKED
        )
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp()
          FROM silent
         WHERE blobs.id = silent.id
        """,
        limit,
    )


async def claim_doomed(tx: Transaction, limit: int, claim: timedelta, busy_stores: Sequence[str] = ()) -> list[Copy]:
    """Take doomed copies that are due, but for those in busy stores; nobody else takes them until the claim is over."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT id
              FROM blobs
             WHERE state = 'doomed' AND run_at <= statement_timestamp() AND store <> ALL($3)
               AND (lease_until IS NULL OR lease_until < statement_timestamp())
             ORDER BY run_at
             LIMIT $1
               FOR UPDATE SKIP LOCKED
        )
        UPDATE blobs
           SET attempts = blobs.attempts + 1, run_at = clock_timestamp() + $2::interval
          FROM due
         WHERE blobs.id = due.id
     RETURNING blobs.id, blobs.image_id, blobs.store, blobs.key, blobs.size, blobs.attempts
        """,
        limit,
        claim,
        busy_stores,
    )
    return [Copy(**dict(row.items())) for row in rows]


async def put_off(tx: Transaction, copy: Copy, wait: timedelta, reason: str) -> None:
    """Let a copy wait for its next try, and say why."""
    await tx.execute(
        """
        UPDATE blobs
           SET attempts = $2, run_at = clock_timestamp() + $3::interval, last_error = $4
         WHERE id = $1
        """,
        copy.id,
        copy.attempts,
        wait,
        reason,
    )


async def forgive(tx: Transaction, image_id: str) -> None:
    """Forget that stores did not answer for the whole copies of an image."""
    await tx.execute(
        """
        UPDATE blobs
           SET attempts = 0, last_error = NULL
         WHERE image_id = $1 AND state = 'stored' AND attempts > 0
        """,
        image_id,
    )


async def delete(tx: Transaction, copy: Copy) -> None:
    """Forget a copy whose bytes are gone."""
    await tx.execute("DELETE FROM blobs WHERE id = $1 AND state = 'doomed'", copy.id)


async def has_any(reader: Reader, image_id: str) -> bool:
    """Say whether an image has a copy, in whatever state."""
    found: bool = await reader.fetchval("SELECT EXISTS (SELECT FROM blobs WHERE image_id = $1)", image_id)
    return found


async def list_whole(reader: Reader, image_id: str) -> list[Copy]:
    """Return an image's whole copies, without what is staged."""
    rows = await reader.fetch(
        """
        SELECT id, image_id, store, key, size, attempts
          FROM blobs
         WHERE image_id = $1 AND store <> $2 AND state = 'stored'
         ORDER BY id
        """,
        image_id,
        STAGING,
    )
    return [Copy(**dict(row.items())) for row in rows]


async def list_waiting(reader: Reader) -> list[Waiting]:
    """Return what could not be deleted so far, by store, with the reason heard last."""
    rows = await reader.fetch(
        """
        SELECT store, count(*) AS copies, (array_agg(last_error ORDER BY run_at DESC))[1] AS reason
          FROM blobs
         WHERE state = 'doomed' AND last_error IS NOT NULL
         GROUP BY store
         ORDER BY store
        """
    )
    return [Waiting(**dict(row.items())) for row in rows]
