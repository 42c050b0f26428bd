"""The pool of connections, and the transaction: the only gate through which anything is changed or told."""

import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import asyncpg
import orjson

from glimpse import settings
from glimpse.errors import Conflict, Unavailable
from schemas.events import Event

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.InterfaceError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.LockNotAvailableError,
    asyncpg.DiskFullError,
    asyncpg.DeadlockDetectedError,  # one of two who waited for each other was told to go back
    asyncpg.InternalClientError,  # a connection that is used while it is being cut
)
"""What asyncpg says when the database is away, shuts down, stands by, is full, or had us wait for too long."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who does what a transaction does; told with each of its events."""

    user: str | None = None
    project: str | None = None
    request_id: str | None = None
    service: str | None = None


class Reader(Protocol):
    """Something that statements can be run on."""

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        """Return every row."""
        ...

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row, or None."""
        ...

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        ...


class Transaction:
    """Statements that hold together, and what they tell. Only a Database makes one."""

    def __init__(self, connection: Any, actor: Actor) -> None:
        self._connection = connection
        self._told: list[Event] = []
        self.actor = actor

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        """Return every row."""
        rows: Sequence[Any] = await self._connection.fetch(query, *args)
        return rows

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row, or None."""
        return await self._connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        return await self._connection.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> int:
        """Run a statement and return how many rows it touched."""
        outcome: str = await self._connection.execute(query, *args)
        count = outcome.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def emit(self, event: Event) -> None:
        """Tell a fact. It is written down with the transaction's commit, after every lock was taken."""
        self._told.append(event)

    async def write_down(self) -> None:
        """Put what was told into the outbox; the last thing before the commit."""
        if not self._told:
            return
        actor = orjson.dumps(self.actor)
        await self._connection.execute(
            """
            INSERT INTO outbox (id, type, subject, version, actor, data)
            SELECT told.id, told.type, told.subject, told.version, $6, told.data
              FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::json[])
                   WITH ORDINALITY AS told (id, type, subject, version, data, nth)
             ORDER BY told.nth
            """,
            [uuid7() for _ in self._told],
            [event.type() for event in self._told],
            [event.subject for event in self._told],
            [event.version for event in self._told],
            [orjson.dumps(event.model_dump()) for event in self._told],
            actor,
        )
        self._told = []


class Database:
    """A pool of connections to one Postgres."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, postgres: settings.Postgres) -> Self:
        """Open a pool. Raises Unavailable when nobody answers."""
        try:
            pool = await asyncpg.create_pool(
                postgres.dsn.get_secret_value(),
                min_size=1,
                max_size=postgres.pool_size,
                timeout=postgres.connect_timeout_seconds,
                init=_prepare,
                reset=_leave_no_transaction,
            )
        except (*UNREACHABLE, asyncpg.PostgresError, ValueError) as error:
            raise Unavailable(f"can not reach the database: {error}") from error
        return cls(pool)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Reader]:
        """Lend a connection for statements that change nothing and need not agree with each other."""
        async with self._acquire() as connection:
            yield connection

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        """Lend a connection for statements that change nothing and all see the same moment."""
        async with self._acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
            yield connection

    @contextlib.asynccontextmanager
    async def transaction(self, actor: Actor = Actor()) -> AsyncIterator[Transaction]:
        """Hold statements together: all of them and what they tell, or none."""
        async with self._acquire() as connection, connection.transaction():
            transaction = Transaction(connection, actor)
            yield transaction
            await transaction.write_down()

    @contextlib.asynccontextmanager
    async def _acquire(self) -> AsyncIterator[Any]:
        try:
            async with self._pool.acquire() as connection:
                yield connection
        except UNREACHABLE as error:
            if isinstance(error, ValueError):  # an argument asyncpg can not send: ours, not the database's
                raise
            raise Unavailable(f"the database does not answer: {error}") from error
        except asyncpg.UniqueViolationError as error:
            raise Conflict("somebody else took that name a moment ago: look again, and choose another") from error


async def fetch_planned(reader: Any, query: str, *args: Any) -> Sequence[Any]:
    """Return every row of a statement that is planned for these very arguments, at the price of a round trip.

    A statement that is run again and again gets one plan for whatever it may be asked.
    """
    statement = await reader.prepare(query, name="")
    rows: Sequence[Any] = await statement.fetch(*args)
    return rows


def uuid7(now_ns: int | None = None) -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562): its first 48 bits are the time in milliseconds."""
    milliseconds = (now_ns if now_ns is not None else time.time_ns()) // 1_000_000
    tail = uuid.uuid4().int & ((1 << 80) - 1)
    tail = (tail & ~(0xF << 76)) | (0x7 << 76)
    tail = (tail & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=(milliseconds << 80) | tail)


async def _prepare(connection: Any) -> None:
    """Plan for short statements that follow indexes; read and write JSON with orjson, but only carry `json`."""
    await connection.execute("SET jit = off; SET max_parallel_workers_per_gather = 0; SET random_page_cost = 1.1")
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda raw: orjson.loads(raw[1:]),
    )
    await connection.set_type_codec("json", schema="pg_catalog", format="binary", encoder=bytes, decoder=bytes)


async def _leave_no_transaction(connection: Any) -> None:
    """The cheap reset: the usual one costs a round trip for each request."""
    if connection.is_in_transaction():
        await connection.execute("ROLLBACK")
