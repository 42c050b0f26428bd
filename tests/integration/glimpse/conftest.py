"""Images to tell of, and a log to tell it to."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from glimpse import settings
from glimpse.bus.sequencer import Sequencer
from glimpse.database.pool import Actor, Database
from schemas.events import Event

NOBODY = Actor()
Connect = Callable[..., Awaitable[Database]]


@dataclass
class News:
    """What the tests do with the bus."""

    database: Database
    bus: settings.Bus

    async def tell(self, *events: Event, actor: Actor = NOBODY) -> None:
        """Tell facts in one transaction, as an action would."""
        async with self.database.transaction(actor) as tx:
            for event in events:
                await tx.emit(event)

    async def tell_many(self, count: int) -> None:
        """Put many facts that nobody reacts to into the outbox at once."""
        await self.execute(
            """
            INSERT INTO outbox (id, type, subject, actor, data)
            SELECT gen_random_uuid(), 'io.glimpse.nothing.v1', 'x', '{}', '{}' FROM generate_series(1, $1)
            """,
            count,
        )

    async def sequence(self) -> int:
        """Give positions to all that can be seen in the outbox; returns how many events that were."""
        sequencer = Sequencer(self.database, self.bus)
        total = 0
        try:
            while await self.value("SELECT count(*) FROM outbox"):
                total += await sequencer.run_once()
        finally:
            await sequencer.give_back()
        return total

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Look again and again until a condition holds, in time; returns what it then says."""
        async with asyncio.timeout(20):
            while not (found := await condition()):
                await asyncio.sleep(0.005)
        return found

    async def execute(self, query: str, *arguments: Any) -> int:
        async with self.database.transaction() as tx:
            return await tx.execute(query, *arguments)

    async def value(self, query: str, *arguments: Any) -> Any:
        async with self.database.reading() as reader:
            return await reader.fetchval(query, *arguments)

    async def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        async with self.database.reading() as reader:
            return [tuple(row) for row in await reader.fetch(query, *arguments)]


@pytest.fixture
def news(database: Database) -> News:
    """The bus of a fresh database, with a quick pace and short leases."""
    return News(database, settings.Bus(lease_seconds=30, busy_seconds=0.001, idle_seconds=0.01))


@pytest.fixture
async def connect(dsn: str) -> AsyncIterator[Connect]:
    """Open the database once more: `await connect(pool_size=20, application_name="leader")`."""
    async with contextlib.AsyncExitStack() as stack:

        async def opened(pool_size: int = 10, application_name: str = "") -> Database:
            address = SecretStr(f"{dsn}?application_name={application_name}")
            database = await Database.open(settings.Postgres(dsn=address, pool_size=pool_size))
            stack.push_async_callback(database.close)
            return database

        yield opened


class Proxied:
    """The same database behind a line that can be cut."""

    def __init__(self, dsn: str) -> None:
        address = urlsplit(dsn)
        self._upstream = (address.hostname, address.port)
        self._database = address.path
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._port = 0
        self._is_cut = False
        self._refused = 0

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator[Database]:
        address = f"postgresql://glimpse@127.0.0.1:{self._port}{self._database}"
        database = await Database.open(settings.Postgres(dsn=SecretStr(address)))
        try:
            yield database
        finally:
            await database.close()

    async def cut(self) -> None:
        self._is_cut = True
        for writer in self._open:
            writer.transport.abort()

    async def mend(self) -> None:
        self._is_cut = False

    async def was_tried(self) -> bool:
        """Say whether somebody tried again and again since the line was cut."""
        return self._refused > 2

    async def stop(self) -> None:
        assert self._server
        self._server.close()
        await self.cut()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            self._refused += 1
            writer.transport.abort()
            return
        above, below = await asyncio.open_connection(*self._upstream)
        ends = {writer, below}
        self._open |= ends
        await asyncio.gather(_pump(reader, below), _pump(above, writer))
        self._open -= ends


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


@pytest.fixture
async def proxied(dsn: str) -> AsyncIterator[Proxied]:
    """The same database behind a line that can be cut."""
    proxy = Proxied(dsn)
    await proxy.start()
    yield proxy
    await proxy.stop()


@pytest.fixture
def make_images(dsn: str) -> Callable[[int], Awaitable[list[str]]]:
    """Make so many images; returns their ids."""

    async def make(count: int) -> list[str]:
        ids = [str(uuid.uuid4()) for _ in range(count)]
        connection = await asyncpg.connect(dsn)
        await connection.execute("INSERT INTO image_ids (id) SELECT unnest($1::text[])", ids)
        await connection.execute(
            "INSERT INTO images (id, status, visibility) SELECT unnest($1::text[]), 'queued', 'shared'", ids
        )
        await connection.close()
        return ids

    return make
