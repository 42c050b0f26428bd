"""Statements on what nobody works on any more, and on what was kept for long enough."""

from collections.abc import Sequence
from datetime import timedelta

from glimpse.database.pool import Reader, Transaction
from schemas.vocabulary import STAGING


async def list_abandoned(
    reader: Reader, limit: int, keep_staged: timedelta, among: Sequence[str] | None = None
) -> list[str]:
    """Return images on their way to bytes that nobody brings: no writer with a lease, no task that is to be done.

    Staged and whole is no sign of a crash: such an image waits for its import for as long as `keep_staged` says, for
    ever when it is zero. With `among`, only those are looked at.
    """
    rows = await reader.fetch(
        """
        SELECT id
          FROM images
         WHERE status IN ('saving', 'uploading', 'importing') AND ($4::text[] IS NULL OR id = ANY($4))
           AND NOT EXISTS (SELECT FROM blobs
                            WHERE blobs.image_id = images.id AND blobs.state = 'writing'
                              AND blobs.lease_until >= statement_timestamp())
           AND NOT EXISTS (SELECT FROM tasks
                            WHERE tasks.image_id = images.id AND tasks.status IN ('pending', 'processing'))
           AND NOT (status = 'uploading'
                    AND EXISTS (SELECT FROM blobs
                                 WHERE blobs.image_id = images.id AND blobs.store = $2 AND blobs.state = 'stored'
                                   AND ($3 = interval '0' OR coalesce(blobs.stored_at, blobs.created_at)
                                            > statement_timestamp() - $3::interval)))
         ORDER BY updated_at
         LIMIT $1
        """,
        limit,
        STAGING,
        keep_staged,
        among,
    )
    return [row["id"] for row in rows]


async def has_live_task(reader: Reader, image_id: str) -> bool:
    """Say whether there is work on an image that is to be done, or is being done."""
    found: bool = await reader.fetchval(
        "SELECT EXISTS (SELECT FROM tasks WHERE image_id = $1 AND status IN ('pending', 'processing'))", image_id
    )
    return found


async def list_staged_for_too_long(reader: Reader, limit: int) -> list[str]:
    """Return images whose staged bytes were kept after a failed import, until now (IMG-721)."""
    rows = await reader.fetch(
        """
        SELECT id
          FROM images
         WHERE staged_until < statement_timestamp()
         ORDER BY staged_until
         LIMIT $1
        """,
        limit,
    )
    return [row["id"] for row in rows]


async def forget_staged(tx: Transaction, image_id: str) -> None:
    """Forget until when staged bytes were kept. Nobody outside sees that, so it is no new version of the image."""
    await tx.execute("UPDATE images SET staged_until = NULL WHERE id = $1", image_id)


async def delete_expired_tasks(tx: Transaction, limit: int) -> int:
    """Remove tasks that ended and were shown for long enough (IMG-28); returns how many."""
    return await tx.execute(
        """
        WITH expired AS (
            SELECT id
              FROM tasks
             WHERE expires_at < statement_timestamp() AND status IN ('success', 'failure')
             ORDER BY expires_at
             LIMIT $1
               FOR UPDATE SKIP LOCKED
        )
        DELETE FROM tasks
         USING expired
         WHERE tasks.id = expired.id
        """,
        limit,
    )
