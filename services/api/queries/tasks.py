"""Statements on tasks: the API writes them down and shows them; workers do the rest."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from glimpse.database.pool import Reader, Transaction
from services.api.caller import Caller


async def insert(
    tx: Transaction, task_id: str, kind: str, image_id: str | None, caller: Caller, given: dict[str, Any]
) -> None:
    """Write a task down, due at once."""
    await tx.execute(
        """
        INSERT INTO tasks (id, type, image_id, owner, user_id, request_id, input)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        task_id,
        kind,
        image_id,
        caller.project,
        caller.user,
        caller.request_id,
        given,
    )


async def is_fresh(tx: Transaction, task_id: str, pending: timedelta, processing: timedelta) -> bool:
    """Say whether a task may still be at work: it made progress within so long, by its status (IMG-490)."""
    found = await tx.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM tasks
             WHERE id = $1 AND status IN ('pending', 'processing')
               AND updated_at > clock_timestamp() - CASE status WHEN 'pending' THEN $2::interval ELSE $3::interval END
        )
        """,
        task_id,
        pending,
        processing,
    )
    return bool(found)


async def preempt(tx: Transaction, task_id: str, message: str) -> None:
    """End a task that nobody has heard of; its worker, should it still live, is fenced (IMG-490)."""
    await tx.execute(
        """
        UPDATE tasks
           SET status = 'failure', message = $2, error_code = 'preempted', error_message = $2, progress = NULL,
               epoch = epoch + 1, lease_owner = NULL, lease_until = NULL, updated_at = clock_timestamp()
         WHERE id = $1 AND status IN ('pending', 'processing')
        """,
        task_id,
        message,
    )


async def list_of_image(reader: Reader, image_id: str, owner: str | None, *, everybody: bool) -> Sequence[Any]:
    """Return the tasks of an image that clients may see, oldest first; those of one project unless `everybody`."""
    return await reader.fetch(
        """
        SELECT id, type, status, owner, expires_at, created_at, updated_at, image_id, request_id, user_id, input,
               result, message, progress, error_code, error_message
          FROM tasks
         WHERE image_id = $1 AND type IN ('import', 'api_image_import', 'location_import')
           AND ($3 OR owner = $2) AND (expires_at IS NULL OR expires_at > clock_timestamp())
         ORDER BY created_at, id
        """,
        image_id,
        owner,
        everybody,
    )
