"""What a project's quota is taken up by: stored copies, and what is reserved for those on their way.

A reservation stands in the row of the copy it is for, so it ends with it, whatever happens: stored, or doomed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from glimpse.database.pool import Reader, Transaction
from schemas.vocabulary import STAGING


@dataclass(frozen=True, slots=True)
class InUse:
    """What others than some copies take up."""

    taken: int
    """Bytes, stored or reserved."""
    others_move: bool
    """Whether others have bytes on their way, and may not need all that is reserved for them."""


async def lock_project(tx: Transaction, project: str) -> None:
    """Let nobody else look at a project's quota until the transaction ends."""
    await tx.fetchval("SELECT pg_advisory_xact_lock(hashtextextended('quota of ' || $1, 0))", project)


async def in_use(reader: Reader, project: str, but: Sequence[int]) -> InUse:
    """Return what counts of a project (IMG-629, IMG-641, IMG-722), but for these copies."""
    row = await reader.fetchrow(
        """
        SELECT coalesce(sum(CASE blobs.state WHEN 'stored' THEN blobs.size ELSE blobs.reserved END), 0)::bigint
                   AS taken,
               coalesce(bool_or(blobs.state = 'writing' AND NOT blobs.is_waiting), false) AS others_move
          FROM images
          JOIN blobs ON blobs.image_id = images.id
         WHERE images.owner = $1 AND images.status NOT IN ('killed', 'pending_delete', 'deleted')
           AND blobs.state IN ('stored', 'writing') AND blobs.store <> $2 AND blobs.id <> ALL($3)
        """,
        project,
        STAGING,
        but,
    )
    return InUse(row["taken"], row["others_move"])


async def reserve(tx: Transaction, copies: Sequence[int], each: int, *, waits: bool) -> int:
    """Reserve so many bytes for each of these copies; returns how many of them still are on their way."""
    return await tx.execute(
        """
        UPDATE blobs
           SET reserved = $2, is_waiting = $3
         WHERE id = ANY($1) AND state = 'writing'
        """,
        copies,
        each,
        waits,
    )
