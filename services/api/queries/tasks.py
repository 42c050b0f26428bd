"""Statements on tasks: the API writes them down and shows them; workers do the rest."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from glimpse.database.pool import Reader, Transaction
from schemas.vocabulary import TaskStatus, TaskType
from services.api.caller import Caller
from services.api.task_filters import WantedTasks


@dataclass(frozen=True, slots=True)
class TaskRow:
    """A task as clients may know of it, with the columns' names."""

    id: str
    type: TaskType
    status: TaskStatus
    owner: str | None
    created_at: datetime
    updated_at: datetime
    expires_at: datetime | None
    image_id: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    input: dict[str, Any] | None = None
    result: dict[str, Any] | None = None
    message: str = ""
    progress: dict[str, Any] | None = None
    error_code: str | None = None
    error_message: str | None = None


async def insert(
    tx: Transaction,
    task_id: str,
    kind: TaskType,
    image_id: str | None,
    caller: Caller,
    given: dict[str, Any] | None,
    sealed: str | None = None,
) -> TaskRow:
    """Write a task down, due at once; what is sealed is for the importer alone, and gone when the task has ended."""
    row = await tx.fetchrow(
        """
        WITH moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        )
        INSERT INTO tasks (id, type, image_id, owner, user_id, request_id, input, caller, created_at, updated_at,
                           run_at)
        SELECT $1, $2, $3, $4, $5, $6, coalesce($7, 'null'::jsonb), $8, moment.now, moment.now, moment.now
          FROM moment
     RETURNING id, type, status, owner, image_id, request_id, user_id, input, result, message, progress, error_code,
               error_message, created_at, updated_at, expires_at
        """,
        task_id,
        kind,
        image_id,
        caller.project,
        caller.user,
        caller.request_id,
        given,
        {"roles": sorted(caller.roles)} | ({"sealed": sealed} if sealed else {}),
    )
    return _task(row)


async def end_badly(tx: Transaction, task_id: str, code: str, message: str, live: timedelta) -> None:
    """End a task that nobody is at; a worker that was, should it still live, is fenced (IMG-490)."""
    await tx.execute(
        """
        UPDATE tasks
           SET status = 'failure', message = $3, error_code = $2, error_message = $3, progress = NULL,
               epoch = epoch + 1, lease_owner = NULL, lease_until = NULL, updated_at = clock_timestamp(),
               expires_at = clock_timestamp() + $4::interval
         WHERE id = $1 AND status IN ('pending', 'processing')
        """,
        task_id,
        code,
        message,
        live,
    )


async def find_stores(tx: Transaction, task_id: str) -> list[str]:
    """Return the stores that an import was to fill; none when there is no such task."""
    stores: list[str] | None = await tx.fetchval("SELECT input -> 'backend' FROM tasks WHERE id = $1", task_id)
    return stores or []


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


async def find(reader: Reader, task_id: str, owner: str | None, *, everybody: bool) -> TaskRow | None:
    """Read one task that clients may see; one of a project unless `everybody`. None when there is none."""
    row = await reader.fetchrow(
        """
        SELECT id, type, status, owner, image_id, request_id, user_id, input, result, message, progress, error_code,
               error_message, created_at, updated_at, expires_at
          FROM tasks
         WHERE id = $1 AND type IN ('import', 'api_image_import', 'location_import')
           AND ($3 OR owner = $2) AND (expires_at IS NULL OR expires_at > clock_timestamp())
        """,
        task_id,
        owner,
        everybody,
    )
    return row and _task(row)


async def list_of_image(reader: Reader, image_id: str, owner: str | None, *, everybody: bool) -> list[TaskRow]:
    """Return the tasks of an image that clients may see, oldest first; those of one project unless `everybody`."""
    rows = await reader.fetch(
        """
        SELECT id, type, status, owner, image_id, request_id, user_id, input, result, message, progress, error_code,
               error_message, created_at, updated_at, expires_at
          FROM tasks
         WHERE image_id = $1 AND type IN ('import', 'api_image_import', 'location_import')
           AND ($3 OR owner = $2) AND (expires_at IS NULL OR expires_at > clock_timestamp())
         ORDER BY created_at, id
        """,
        image_id,
        owner,
        everybody,
    )
    return [_task(row) for row in rows]


async def list_page(reader: Reader, wanted: WantedTasks, owner: str | None, *, everybody: bool) -> list[TaskRow]:
    """Return a page of the tasks that clients may see, as far as a list shows them.

    They are filtered and sorted by the texts of one object, so that no name becomes part of the statement. No index
    can help there, and need not: tasks that ended are removed, so there are never many.
    """
    rows = await reader.fetch(
        """
        WITH shown AS (
            SELECT id, type, status, owner, created_at, updated_at, expires_at,
                   jsonb_build_object(
                       'id', id, 'type', type, 'status', status, 'owner', owner, 'image_id', image_id,
                       'request_id', request_id, 'user_id', user_id, 'message', message,
                       'created_at', to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
                       'updated_at', to_char(updated_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'),
                       'expires_at', to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US')
                   ) AS texts
              FROM tasks
             WHERE type IN ('import', 'api_image_import', 'location_import')
               AND ($2 OR owner = $1) AND (expires_at IS NULL OR expires_at > clock_timestamp())
        ), keyed AS (
            SELECT id, type, status, owner, created_at, updated_at, expires_at, texts,
                   coalesce(texts ->> $4, '') COLLATE "C" AS key
              FROM shown
        ), marker AS (
            SELECT id, created_at, key
              FROM keyed
             WHERE id = $6
        )
        SELECT keyed.id, keyed.type, keyed.status, keyed.owner, keyed.created_at, keyed.updated_at, keyed.expires_at
          FROM keyed
          LEFT JOIN marker ON true
         WHERE keyed.texts @> $3
           AND ($6::text IS NULL
                OR CASE WHEN $5
                        THEN (keyed.key, keyed.created_at, keyed.id) < (marker.key, marker.created_at, marker.id)
                        ELSE (keyed.key, keyed.created_at, keyed.id) > (marker.key, marker.created_at, marker.id)
                   END)
         ORDER BY CASE WHEN $5 THEN keyed.key END DESC, CASE WHEN $5 THEN keyed.created_at END DESC,
                  CASE WHEN $5 THEN keyed.id END DESC, keyed.key, keyed.created_at, keyed.id
         LIMIT $7
        """,
        owner,
        everybody,
        wanted.columns,
        wanted.sort_key,
        wanted.sort_dir == "desc",
        wanted.marker,
        wanted.limit,
    )
    return [_task(row) for row in rows]


def _task(row: Any) -> TaskRow:
    values = dict(row.items())
    return TaskRow(**{**values, "type": TaskType(values["type"]), "status": TaskStatus(values["status"])})
