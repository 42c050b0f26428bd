"""The pool of connections, and the transaction: the only gate through which anything is changed or told."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self

import asyncpg
import orjson

from glimpse import settings
from glimpse.database.failures import OF_THE_DRIVER, in_our_words, reason, unreachable
from glimpse.errors import Unavailable
from schemas.events import Event

CLOSE_SECONDS = 5.0
"""How long whoever still has a connection may take to give it back at the end."""


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

    async def fetch_planned(self, query: str, *args: Any) -> Sequence[Any]:
        """Return every row of a statement that is planned for these very arguments."""
        ...


class Connection:
    """A connection while it is lent; whatever the driver says of it is said in our words."""

    def __init__(self, driver: Any) -> None:
        self._driver = driver

    async def fetch(self, query: str, *args: Any) -> Sequence[Any]:
        """Return every row."""
        with in_our_words(self._driver):
            rows: Sequence[Any] = await self._driver.fetch(query, *args)
            return rows

    async def fetchrow(self, query: str, *args: Any) -> Any:
        """Return the first row, or None."""
        with in_our_words(self._driver):
            return await self._driver.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: Any) -> Any:
        """Return the first column of the first row, or None."""
        with in_our_words(self._driver):
            return await self._driver.fetchval(query, *args)

    async def execute(self, query: str, *args: Any) -> int:
        """Run a statement and return how many rows it touched."""
        with in_our_words(self._driver):
            outcome: str = await self._driver.execute(query, *args)
        count = outcome.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0

    async def fetch_planned(self, query: str, *args: Any) -> Sequence[Any]:
        """Return every row of a statement that is planned for these very arguments, at the price of a round trip.

        A statement that is run again and again gets one plan for whatever it may be asked.
        """
        with in_our_words(self._driver):
            statement = await self._driver.prepare(query, name="")
            rows: Sequence[Any] = await statement.fetch(*args)
            return rows


class Transaction(Connection):
    """Statements that hold together, and what they tell. Only a Database makes one."""

    def __init__(self, driver: Any, actor: Actor) -> None:
        super().__init__(driver)
        self._told: list[Event] = []
        self.actor = actor

    async def emit(self, event: Event) -> None:
        """Tell a fact. It is written down with the transaction's commit, after every lock was taken."""
        self._told.append(event)

    async def write_down(self) -> None:
        """Put what was told into the outbox; the last thing before the commit."""
        if not self._told:
            return
        actor = orjson.dumps(self.actor)
        await self.execute(
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

    def __init__(self, pool: Any, patience: float) -> None:
        self._pool = pool
        self._patience = patience

    @classmethod
    async def open(cls, postgres: settings.Postgres) -> Self:
        """Open a pool. Raises Unavailable when nobody answers."""
        try:
            pool = await asyncpg.create_pool(
                postgres.dsn.get_secret_value(),
                min_size=1,
                max_size=postgres.pool_size,
                timeout=postgres.connect_timeout_seconds,
                command_timeout=postgres.statement_timeout_seconds * 1.25,  # for a server that is silent itself
                server_settings=_limits(postgres),
                init=_prepare,
                reset=_leave_no_transaction,
            )
        except (*OF_THE_DRIVER, ValueError) as error:
            raise Unavailable(unreachable(error)) from error
        return cls(pool, postgres.acquire_timeout_seconds)

    async def close(self) -> None:
        """Close every connection; those that are not given back in time are cut."""
        with contextlib.suppress(TimeoutError):  # the pool cuts them when it is interrupted
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.close()

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Reader]:
        """Lend a connection for statements that change nothing and need not agree with each other."""
        async with self._lent() as driver:
            yield Connection(driver)

    @contextlib.asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Reader]:
        """Lend a connection for statements that change nothing and all see the same moment."""
        async with self._lent() as driver, _begun(driver, isolation="repeatable_read", readonly=True):
            yield Connection(driver)

    @contextlib.asynccontextmanager
    async def transaction(self, actor: Actor = Actor()) -> AsyncIterator[Transaction]:
        """Hold statements together: all of them and what they tell, or none."""
        async with self._lent() as driver, _begun(driver):
            transaction = Transaction(driver, actor)
            yield transaction
            await transaction.write_down()

    @contextlib.asynccontextmanager
    async def _lent(self) -> AsyncIterator[Any]:
        try:
            driver = await self._pool.acquire(timeout=self._patience)
        except OF_THE_DRIVER as error:
            raise Unavailable(f"the database does not answer: {reason(error)}") from error
        try:
            yield driver
        finally:
            with contextlib.suppress(*OF_THE_DRIVER):  # one that can not be given back is cut by the pool
                await self._pool.release(driver)


@contextlib.asynccontextmanager
async def _begun(driver: Any, **options: Any) -> AsyncIterator[None]:
    """Begin a transaction, and end it: what the caller raises is what the caller hears."""
    with in_our_words(driver):
        transaction = driver.transaction(**options)
        await transaction.start()
    try:
        yield
    except BaseException:
        with contextlib.suppress(*OF_THE_DRIVER):  # cut off, it is rolled back without our asking
            await transaction.rollback()
        raise
    with in_our_words(driver):
        await transaction.commit()


def uuid7(now_ns: int | None = None) -> uuid.UUID:
    """Return a UUID of version 7 (RFC 9562): its first 48 bits are the time in milliseconds."""
    milliseconds = (now_ns if now_ns is not None else time.time_ns()) // 1_000_000
    tail = uuid.uuid4().int & ((1 << 80) - 1)
    tail = (tail & ~(0xF << 76)) | (0x7 << 76)
    tail = (tail & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=(milliseconds << 80) | tail)


def _limits(postgres: settings.Postgres) -> dict[str, str]:
    """Return for how long a connection may keep others waiting: a process that froze must not hold a row for ever."""
    seconds = {
        "lock_timeout": postgres.lock_timeout_seconds,
        "statement_timeout": postgres.statement_timeout_seconds,
        "idle_in_transaction_session_timeout": postgres.idle_in_transaction_seconds,
    }
    return {name: f"{max(1, round(limit * 1000))}ms" for name, limit in seconds.items()}


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
