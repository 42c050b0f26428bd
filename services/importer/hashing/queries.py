"""Statements on tasks that hash: rows of our own, which no client sees (IMG-725)."""

from datetime import timedelta

from glimpse.database.pool import Reader, Transaction
from services.importer.work import Task

REHASH = "rehash"
"""Their type."""


async def ask(tx: Transaction, algorithm: str | None, missing_in: str | None, *, again: bool) -> int:
    """Write a task for each image whose multihash is missing, or with `algorithm` is made with another one.

    Oldest images first; returns how many tasks are new. An image that a task is for gets none; unless `again`, neither
    does one whose last task is still kept.
    """
    return await tx.execute(
        """
        INSERT INTO tasks (id, type, image_id, input, run_at)
        SELECT gen_random_uuid()::text, 'rehash', images.id, jsonb_build_object('algorithm', coalesce($1, $2)),
               images.created_at
          FROM images
         WHERE images.status IN ('active', 'deactivated') AND images.stores <> '{}'
           AND (images.os_hash_value IS NULL OR images.os_hash_algo <> $1)
           AND NOT EXISTS (
               SELECT FROM tasks AS other
                WHERE other.image_id = images.id AND other.type = 'rehash'
                  AND (NOT $3 OR other.status IN ('pending', 'processing'))
           )
        """,
        algorithm,
        missing_in,
        again,
    )


async def claim_due(tx: Transaction, worker: str, limit: int, lease: timedelta) -> list[Task]:
    """Take tasks that are due and nobody is at, those of the oldest images first."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT id
              FROM tasks
             WHERE type = 'rehash' AND status IN ('pending', 'processing')
               AND run_at <= statement_timestamp() AND (lease_until IS NULL OR lease_until < statement_timestamp())
             ORDER BY run_at
             LIMIT $2
               FOR UPDATE SKIP LOCKED
        )
        UPDATE tasks
           SET status = 'processing', lease_owner = $1, lease_until = clock_timestamp() + $3::interval,
               epoch = tasks.epoch + 1, attempts = tasks.attempts + 1, updated_at = clock_timestamp()
          FROM due
         WHERE tasks.id = due.id
     RETURNING tasks.id, tasks.type, tasks.image_id, tasks.owner, tasks.user_id, tasks.request_id, tasks.input,
               tasks.epoch, tasks.attempts, tasks.lease_owner, tasks.error_code, tasks.error_message
        """,
        worker,
        limit,
        lease,
    )
    return [Task(**dict(row.items())) for row in rows]


async def count_open(reader: Reader) -> int:
    """Return how many images wait to be hashed."""
    return int(
        await reader.fetchval(
            "SELECT count(*) FROM tasks WHERE type = 'rehash' AND status IN ('pending', 'processing')"
        )
    )


async def list_readable_after(reader: Reader, image_id: str, limit: int) -> list[str]:
    """Return ids of images with bytes behind an id, in their order."""
    rows = await reader.fetch(
        """
        SELECT id
          FROM images
         WHERE id > $1 AND status IN ('active', 'deactivated') AND stores <> '{}'
         ORDER BY id
         LIMIT $2
        """,
        image_id,
        limit,
    )
    return [row["id"] for row in rows]
