"""What a project's quotas are taken up by: stored copies, and what is reserved for those on their way.

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


@dataclass(frozen=True, slots=True)
class Moving:
    """A project's images whose bytes are on their way."""

    images: int
    """How many they are (IMG-640)."""
    staged: InUse
    """What is staged, or imported, of them (IMG-639)."""


async def lock_project(tx: Transaction, project: str) -> None:
    """Let nobody else look at a project's quota until the transaction ends."""
    await tx.fetchval("SELECT pg_advisory_xact_lock(hashtextextended('quota of ' || $1, 0))", project)


async def try_lock_project(tx: Transaction, project: str) -> bool:
    """Do the same if nobody else looks at it now; says whether it was done."""
    done: bool = await tx.fetchval("SELECT pg_try_advisory_xact_lock(hashtextextended('quota of ' || $1, 0))", project)
    return done


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


async def moving(reader: Reader, project: str, but: Sequence[int], asked_before: str | None = None) -> Moving:
    """Return what of a project is on its way, but for the images of these copies.

    Imports that were asked for after the task `asked_before`, and of which nothing is there yet, are left out: whoever
    comes first is not kept out by those who wait behind.
    """
    row = await reader.fetchrow(
        """
        WITH at_work AS (
            SELECT images.id, images.status, images.size, tasks.created_at AS asked_at, tasks.id AS task_id
              FROM tasks
              JOIN images ON images.id = tasks.image_id
             WHERE tasks.type IN ('api_image_import', 'import') AND tasks.status IN ('pending', 'processing')
               AND images.owner = $1 AND images.status IN ('importing', 'active', 'deactivated')
        ),
        moving AS (
            SELECT id, status, size, asked_at, task_id
              FROM at_work
             UNION ALL
            SELECT id, status, size, NULL, NULL
              FROM images
             WHERE owner = $1 AND status IN ('saving', 'uploading', 'importing')
               AND id NOT IN (SELECT id FROM at_work)
        )
        SELECT count(*) AS images,
               coalesce(sum(CASE WHEN moving.status <> 'saving' THEN greatest(moving.size, coming.bytes, 0) END),
                        0)::bigint AS staged,
               coalesce(bool_or(moving.status <> 'saving' AND coming.grow), false) AS others_move
          FROM moving
         CROSS JOIN LATERAL (
                SELECT count(*) AS copies,
                       max(CASE state WHEN 'writing' THEN reserved ELSE blobs.size END) AS bytes,
                       bool_or(state = 'writing' AND NOT is_waiting) AS grow
                  FROM blobs
                 WHERE image_id = moving.id AND (state = 'writing' OR (state = 'stored' AND store = $2))
               ) AS coming
         WHERE moving.id NOT IN (SELECT image_id FROM blobs WHERE id = ANY($3))
           AND NOT EXISTS (
                SELECT
                  FROM tasks AS mine
                 WHERE mine.id = $4 AND (moving.asked_at, moving.task_id) > (mine.created_at, mine.id)
                   AND coming.copies = 0
               )
        """,
        project,
        STAGING,
        but,
        asked_before,
    )
    return Moving(row["images"], InUse(row["staged"], row["others_move"]))


async def count_images(reader: Reader, project: str) -> int:
    """Return how many images a project has (IMG-637, IMG-641)."""
    found: int = await reader.fetchval(
        """
        SELECT count(*)
          FROM images
         WHERE owner = $1 AND status NOT IN ('killed', 'pending_delete', 'deleted')
        """,
        project,
    )
    return found


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
