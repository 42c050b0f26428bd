"""Statements of the importer. Each write of a task names its holder and epoch: a late writer touches no row."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from glimpse.database.pool import Transaction
from glimpse.errors import Fenced
from services.importer.work import Task


async def claim_due(tx: Transaction, worker: str, limit: int, lease: timedelta) -> list[Task]:
    """Take imports that are due and nobody is at, oldest first; another worker's are skipped, dead ones' are not."""
    rows = await tx.fetch(
        """
        WITH due AS (
            SELECT id
              FROM tasks
             WHERE type IN ('api_image_import', 'import', 'location_import') AND status IN ('pending', 'processing')
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
               tasks.epoch, tasks.attempts, tasks.lease_owner, tasks.error_code, tasks.error_message, tasks.caller
        """,
        worker,
        limit,
        lease,
    )
    return [Task(**dict(row.items())) for row in rows]


async def doom_earlier_copies(tx: Transaction, tasks: Sequence[Task]) -> None:
    """Give up what earlier tries of claimed tasks left half written."""
    await tx.execute(
        """
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp()
          FROM unnest($1::text[], $2::text[]) AS tried (image_id, prefix)
         WHERE blobs.image_id = tried.image_id AND blobs.state = 'writing' AND starts_with(blobs.key, tried.prefix)
        """,
        [task.image_id for task in tasks],
        [task.keys_begin_with for task in tasks],
    )


async def lock_task(tx: Transaction, task: Task) -> None:
    """Hold a task until the transaction ends. Raises Fenced when it is not ours any more."""
    held = await tx.fetchval(
        """
        SELECT id
          FROM tasks
         WHERE id = $1 AND epoch = $2 AND lease_owner = $3 AND status = 'processing'
           FOR UPDATE
        """,
        task.id,
        task.epoch,
        task.lease_owner,
    )
    _still_ours(task, int(held is not None))


async def renew_lease(tx: Transaction, task: Task, lease: timedelta) -> None:
    """Say that we are at work. Raises Fenced."""
    touched = await tx.execute(
        """
        UPDATE tasks
           SET lease_until = clock_timestamp() + $4::interval, updated_at = clock_timestamp()
         WHERE id = $1 AND epoch = $2 AND lease_owner = $3 AND status = 'processing'
        """,
        task.id,
        task.epoch,
        task.lease_owner,
        lease,
    )
    _still_ours(task, touched)


async def save_progress(tx: Transaction, task: Task, progress: dict[str, Any], message: str | None) -> None:
    """Show how far a task is; the message stays as it is when none is given. Raises Fenced."""
    touched = await tx.execute(
        """
        UPDATE tasks
           SET progress = $4, message = coalesce($5, message), updated_at = clock_timestamp()
         WHERE id = $1 AND epoch = $2 AND lease_owner = $3 AND status = 'processing'
        """,
        task.id,
        task.epoch,
        task.lease_owner,
        progress,
        message,
    )
    _still_ours(task, touched)


async def release(tx: Transaction, task: Task) -> None:
    """Give a task back as if it had not been tried. Raises Fenced."""
    touched = await tx.execute(
        """
        UPDATE tasks
           SET lease_owner = NULL, lease_until = NULL, attempts = attempts - 1, run_at = clock_timestamp(),
               updated_at = clock_timestamp()
         WHERE id = $1 AND epoch = $2 AND lease_owner = $3 AND status = 'processing'
        """,
        task.id,
        task.epoch,
        task.lease_owner,
    )
    _still_ours(task, touched)


async def put_off(tx: Transaction, task: Task, wait: timedelta, code: str, sentence: str) -> None:
    """Let a task wait for its next try, and say why. Raises Fenced."""
    touched = await tx.execute(
        """
        UPDATE tasks
           SET lease_owner = NULL, lease_until = NULL, run_at = clock_timestamp() + $4::interval, progress = NULL,
               error_code = $5, error_message = $6, message = $6, updated_at = clock_timestamp()
         WHERE id = $1 AND epoch = $2 AND lease_owner = $3 AND status = 'processing'
        """,
        task.id,
        task.epoch,
        task.lease_owner,
        wait,
        code,
        sentence,
    )
    _still_ours(task, touched)


async def mark_success(tx: Transaction, task: Task, message: str, live: timedelta) -> None:
    """End a task well. Raises Fenced."""
    touched = await tx.execute(
        """
        UPDATE tasks
           SET status = 'success', result = $4, message = $5, error_code = NULL, error_message = NULL, progress = NULL,
               expires_at = clock_timestamp() + $6::interval, lease_owner = NULL, lease_until = NULL,
               updated_at = clock_timestamp()
         WHERE id = $1 AND epoch = $2 AND lease_owner = $3 AND status = 'processing'
        """,
        task.id,
        task.epoch,
        task.lease_owner,
        {"image_id": task.image_id},
        message,
        live,
    )
    _still_ours(task, touched)


async def mark_failure(tx: Transaction, task: Task, code: str, sentence: str, live: timedelta) -> None:
    """End a task badly, and say why. Raises Fenced."""
    touched = await tx.execute(
        """
        UPDATE tasks
           SET status = 'failure', message = $5, error_code = $4, error_message = $5, progress = NULL,
               expires_at = clock_timestamp() + $6::interval, lease_owner = NULL, lease_until = NULL,
               updated_at = clock_timestamp()
         WHERE id = $1 AND epoch = $2 AND lease_owner = $3 AND status = 'processing'
        """,
        task.id,
        task.epoch,
        task.lease_owner,
        code,
        sentence,
        live,
    )
    _still_ours(task, touched)


async def insert_copies(tx: Transaction, task: Task, stores: Sequence[str], lease: timedelta) -> dict[str, int]:
    """Write the rows of copies before their first bytes; returns their ids by store."""
    rows = await tx.fetch(
        """
        INSERT INTO blobs (image_id, store, key, epoch, lease_until)
        SELECT $1, target.store, $3, $4, clock_timestamp() + $5::interval
          FROM unnest($2::text[]) AS target (store)
     RETURNING id, store
        """,
        task.image_id,
        stores,
        task.key,
        task.epoch,
        lease,
    )
    return {row["store"]: row["id"] for row in rows}


async def doom_copies(tx: Transaction, task: Task) -> None:
    """Give up every copy of a task that is not whole; their writing is over, so nobody waits for a lease."""
    await tx.execute(
        """
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp(), lease_until = NULL
         WHERE image_id = $1 AND state = 'writing' AND starts_with(key, $2)
        """,
        task.image_id,
        task.keys_begin_with,
    )


def _still_ours(task: Task, touched: int) -> None:
    if not touched:
        raise Fenced(f"task {task.id} is not ours any more (epoch {task.epoch})")
