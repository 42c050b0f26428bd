"""Statements on images that were deleted."""

from collections.abc import Collection, Sequence
from datetime import timedelta

from glimpse.database.pool import Reader, Transaction


async def claim_due(tx: Transaction, limit: int) -> list[str]:
    """Mark images whose time is over, so that no restore can take them; those that were asked back are left alone."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT id
              FROM images
             WHERE status = 'pending_delete' AND purge_started_at IS NULL AND restore_requested_at IS NULL
               AND purge_after <= statement_timestamp()
             ORDER BY purge_after
             LIMIT $1
               FOR UPDATE SKIP LOCKED
        )
        UPDATE images
           SET purge_started_at = clock_timestamp()
          FROM due
         WHERE images.id = due.id
     RETURNING images.id
        """,
        limit,
    )
    return [row["id"] for row in rows]


async def claim_left_over(tx: Transaction, limit: int, claim: timedelta) -> list[str]:
    """Take purges that began a while ago and have no doomed copy that would move them on."""
    rows = await tx.fetch(
        """
        WITH left_over AS (
            SELECT id
              FROM images
             WHERE status = 'pending_delete' AND purge_started_at < statement_timestamp() - $2::interval
               AND NOT EXISTS (SELECT FROM blobs WHERE blobs.image_id = images.id AND blobs.state = 'doomed')
             ORDER BY purge_started_at
             LIMIT $1
               FOR UPDATE SKIP LOCKED
        )
        UPDATE images
           SET purge_started_at = clock_timestamp()
          FROM left_over
         WHERE images.id = left_over.id
     RETURNING images.id
        """,
        limit,
        claim,
    )
    return [row["id"] for row in rows]


async def list_without_copies(reader: Reader, image_ids: Sequence[str]) -> list[str]:
    """Return which of these images have no copy, in whatever state."""
    rows = await reader.fetch(
        """
        SELECT id
          FROM images
         WHERE id = ANY($1) AND NOT EXISTS (SELECT FROM blobs WHERE blobs.image_id = images.id)
         ORDER BY id
        """,
        image_ids,
    )
    return [row["id"] for row in rows]


async def delete_members(tx: Transaction, image_id: str) -> None:
    """Share an image with nobody any more."""
    await tx.execute("DELETE FROM members WHERE image_id = $1", image_id)


async def list_asked_back(reader: Reader, limit: int, but: Collection[str]) -> list[str]:
    """Return deleted images that were asked back, but for these, and for those that wait for a store to answer."""
    rows = await reader.fetch(
        """
        SELECT id
          FROM images
         WHERE status = 'pending_delete' AND restore_requested_at IS NOT NULL AND id <> ALL($2)
           AND NOT EXISTS (SELECT FROM blobs
                            WHERE blobs.image_id = images.id AND blobs.state = 'stored' AND blobs.attempts > 0
                              AND blobs.run_at > statement_timestamp())
         ORDER BY restore_requested_at
         LIMIT $1
        """,
        limit,
        list(but),
    )
    return [row["id"] for row in rows]


async def forget(tx: Transaction, limit: int, age: timedelta) -> int:
    """Remove rows of images that have been gone for so long; their ids stay used for ever (IMG-715)."""
    return await tx.execute(
        """
        WITH old AS (
            SELECT id
              FROM images
             WHERE status = 'deleted' AND deleted_at < statement_timestamp() - $2::interval
               AND NOT EXISTS (SELECT FROM blobs WHERE blobs.image_id = images.id)
             LIMIT $1
               FOR UPDATE SKIP LOCKED
        ), unshared AS (
            DELETE FROM members
             USING old
             WHERE members.image_id = old.id
        )
        DELETE FROM images
         USING old
         WHERE images.id = old.id
        """,
        limit,
        age,
    )
