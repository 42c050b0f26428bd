"""What the driver raises, in our words: who is away, what is taken; our own mistakes stay what they are."""

import contextlib
from collections.abc import Iterator
from typing import Any

import asyncpg

from glimpse.errors import Conflict, Unavailable

AWAY = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,  # the statement took longer than it may
    asyncpg.DiskFullError,
    asyncpg.DeadlockDetectedError,  # one of two who waited for each other was told to go back
    asyncpg.InternalClientError,  # a connection that is used while it is being cut
)
"""What asyncpg raises when the database is away, shuts down, stands by, is full, or had us wait for too long.

It holds around calls of the driver and nowhere else: an OSError of anybody else is not the database's.
"""

OF_THE_DRIVER = (*AWAY, asyncpg.PostgresError, asyncpg.InterfaceError)
"""All that its calls raise. While a connection is opened each keeps us out: a wrong password, no such database."""

CHOSEN = {
    "image_ids": "this image ID",
    "members": "this member",
    "metadef_namespaces": "the name of this namespace",
    "metadef_resource_types": "the name of this resource type",
    "metadef_associations": "this resource type",
    "metadef_objects": "the name of this object",
    "metadef_properties": "the name of this property",
    "metadef_tags": "the name of this tag",
}
"""What people choose, by its table; the same twice anywhere else is a mistake of ours."""


@contextlib.contextmanager
def in_our_words(connection: Any) -> Iterator[None]:
    """Raise Unavailable and Conflict for what a call of the driver raises, unless we called it wrongly."""
    try:
        yield
    except AWAY as error:
        raise Unavailable(f"the database does not answer: {reason(error)}") from error
    except asyncpg.InterfaceError as error:
        if not _is_cut(connection):
            raise
        raise Unavailable(f"the database does not answer: {reason(error)}") from error
    except asyncpg.UniqueViolationError as error:
        what = CHOSEN.get(error.table_name or "")
        if what is None:
            raise
        raise Conflict(f"somebody else took {what} a moment ago: look again, and choose another") from error


def reason(error: BaseException) -> str:
    """Return what an error says; one that ran out of time says nothing."""
    return str(error) or "it took too long"


def unreachable(error: BaseException) -> str:
    """Say that there is no connection, and what decided where it was looked for."""
    told = "postgres.dsn says where it is, in the file that --config or GLIMPSE_CONFIG names"
    return f"can not reach the database: {reason(error)}; {told}"


def _is_cut(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool took it back when it broke
        return True
