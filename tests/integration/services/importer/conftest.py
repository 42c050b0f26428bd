"""An importer on a real database and real directories, and images for it to fill."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web

from glimpse import imports
from glimpse.database import images
from glimpse.database.pool import Database
from glimpse.image import ImageRow
from glimpse.settings import Settings
from glimpse.stores import catalog
from schemas.vocabulary import STAGING
from services.importer import jobs
from services.importer.ports import Ports
from services.importer.scratch import Scratch


@dataclass
class House:
    """What the tests do with an importer."""

    database: Database
    ports: Ports
    folder: Path
    number: int = field(default=0)

    def another(self, **rules: Any) -> "House":
        """Return an importer with other settings on the same database and stores."""
        settings = self.ports.settings
        configured = settings.model_copy(update={"import_": settings.import_.model_copy(update=rules)})
        self.number += 1
        ports = Ports(
            self.database, self.ports.catalog, self.ports.scratch, configured, f"{self.ports.worker}{self.number}"
        )
        return House(self.database, ports, self.folder)

    async def importing(self, **columns: Any) -> str:
        """Make an image that an import was asked for; returns its id."""
        image_id = str(uuid.uuid4())
        values = {"disk_format": "raw", "container_format": "bare", "status": "importing"} | columns
        async with self.database.transaction() as tx:
            await tx.execute("INSERT INTO image_ids (id) VALUES ($1)", image_id)
            await tx.execute(
                """
                INSERT INTO images (id, status, visibility, disk_format, container_format, owner)
                VALUES ($1, $2, 'shared', $3, $4, 'p1')
                """,
                image_id,
                values["status"],
                values["disk_format"],
                values["container_format"],
            )
        return image_id

    async def stage(self, image_id: str, content: bytes) -> None:
        """Put bytes into staging."""

        async def chunks() -> AsyncIterator[bytes]:
            for begin in range(0, len(content), 100_000):
                yield content[begin : begin + 100_000]

        key = f"{image_id}/staged-{uuid.uuid4().hex}"
        await self.ports.catalog.staging.write(key, chunks())
        async with self.database.transaction() as tx:
            await tx.execute(
                "INSERT INTO blobs (image_id, store, key, state, size) VALUES ($1, $2, $3, 'stored', $4)",
                image_id,
                STAGING,
                key,
                len(content),
            )

    async def ask(self, image_id: str, method: dict[str, Any], stores: list[str], *, all_must: bool = True) -> str:
        """Write the task of an import, and its lock; returns the task's id."""
        task_id = str(uuid.uuid4())
        body = {"method": method, "stores": stores, "all_stores_must_succeed": all_must}
        async with self.database.transaction() as tx:
            await tx.execute(
                """
                INSERT INTO tasks (id, type, image_id, owner, user_id, request_id, input)
                VALUES ($1, 'api_image_import', $2, 'p1', 'u1', 'req-1', $3)
                """,
                task_id,
                image_id,
                {"image_id": image_id, "import_req": body, "backend": stores},
            )
            image = await images.lock(tx, image_id)
            told = imports.begun(image.service_properties, task_id, stores)
            await images.save(tx, replace(image, service_properties=told))
        return task_id

    async def locate(self, image_id: str, url: str, said: dict[str, str] | None = None) -> str:
        """Write the task that adds a location, and its lock; returns the task's id."""
        task_id = str(uuid.uuid4())
        async with self.database.transaction() as tx:
            await tx.execute(
                """
                INSERT INTO tasks (id, type, image_id, owner, user_id, request_id, input)
                VALUES ($1, 'location_import', $2, 'p1', 'u1', 'req-1', $3)
                """,
                task_id,
                image_id,
                {"image_id": image_id, "loc_url": url, "validation_data": said or {}},
            )
            image = await images.lock(tx, image_id)
            told = {**image.service_properties, imports.LOCK: task_id}
            await images.save(tx, replace(image, service_properties=told))
        return task_id

    def with_images(self, **rules: Any) -> "House":
        """Return an importer with other settings of images."""
        settings = self.ports.settings
        configured = settings.model_copy(update={"images": settings.images.model_copy(update=rules)})
        self.number += 1
        name = f"{self.ports.worker}{self.number}"
        ports = Ports(self.database, self.ports.catalog, self.ports.scratch, configured, name)
        return House(self.database, ports, self.folder)

    async def again(self, image_id: str) -> None:
        """Move a queued image to importing, as the API does."""
        await self.execute("UPDATE images SET status = 'importing', staged_until = NULL WHERE id = $1", image_id)

    async def work(self) -> int:
        """Do what is due, once; returns how many tasks that were."""
        tasks = await jobs.claim(self.ports, 10)
        for task in tasks:
            await jobs.run(self.ports, task)
        return len(tasks)

    async def image(self, image_id: str) -> ImageRow:
        async with self.database.reading() as reader:
            found = await images.find(reader, image_id)
        assert found is not None
        return found

    async def task(self, task_id: str) -> dict[str, Any]:
        return await self.row("SELECT * FROM tasks WHERE id = $1", task_id)

    async def row(self, query: str, *arguments: Any) -> dict[str, Any]:
        async with self.database.reading() as reader:
            return dict((await reader.fetchrow(query, *arguments)).items())

    async def execute(self, query: str, *arguments: Any) -> int:
        async with self.database.transaction() as tx:
            return await tx.execute(query, *arguments)

    async def blobs(self, image_id: str) -> dict[str, list[str]]:
        """Return the states of the copies of an image, by store."""
        found: dict[str, list[str]] = {}
        async with self.database.reading() as reader:
            for row in await reader.fetch("SELECT store, state FROM blobs WHERE image_id = $1 ORDER BY id", image_id):
                found.setdefault(row["store"], []).append(row["state"])
        return found

    async def bytes_in(self, image_id: str, store: str) -> bytes:
        row = await self.row(
            "SELECT key FROM blobs WHERE image_id = $1 AND store = $2 AND state = 'stored'", image_id, store
        )
        return b"".join([chunk async for chunk in self.ports.catalog.get(store).read(row["key"])])

    async def told(self, image_id: str) -> list[str]:
        """Return the types of the facts about an image."""
        async with self.database.reading() as reader:
            rows = await reader.fetch("SELECT type FROM outbox WHERE subject = $1 ORDER BY seq", image_id)
        return [row["type"].removeprefix("io.glimpse.").removesuffix(".v1") for row in rows]

    async def data_told(self, image_id: str) -> dict[str, Any]:
        """Return what the last fact about an image says."""
        async with self.database.reading() as reader:
            told: dict[str, Any] = orjson.loads(
                await reader.fetchval("SELECT data FROM outbox WHERE subject = $1 ORDER BY seq DESC LIMIT 1", image_id)
            )
        return told


@pytest.fixture
async def house(database: Database, dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    """An importer with the stores `fast`, `cheap` and `web`, that may fetch from the loopback interface."""
    settings = Settings.model_validate(
        {
            "postgres": {"dsn": dsn},
            "stores": {
                **{name: {"paths": [{"path": tmp_path / name}]} for name in ("fast", "cheap")},
                "web": {"type": "http"},
            },
            "default_store": "fast",
            "staging": {"paths": [{"path": tmp_path / "staging"}]},
            "import": {
                "allowed_networks": ["127.0.0.1/32"],
                "allowed_ports": [],
                "scratch_dir": tmp_path / "scratch",
                "scratch_bytes": 2**30,
                "retry_seconds": 0,
                "convert_cpu_seconds": 60,
            },
        }
    )
    scratch = Scratch(tmp_path / "scratch", 2**30)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(scratch.close)
        ports = Ports(database, catalog.open_catalog(settings), scratch, settings, "worker")
        yield House(database, ports, tmp_path)


@pytest.fixture(scope="session")
def noise() -> bytes:
    """A little over 3 MiB that look like nothing."""
    return random.Random(1).randbytes(3 * 2**20 + 12345)


@dataclass
class Hanging:
    """A server that sends the first half of a MiB and then nothing more."""

    uri: str
    asked: asyncio.Event


@pytest.fixture
async def hanging() -> AsyncIterator[Hanging]:
    asked, done = asyncio.Event(), asyncio.Event()

    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(2**20)})
        await response.prepare(request)
        await response.write(bytes(2**19))
        asked.set()
        await done.wait()
        return response

    async with serving(half) as uri:
        yield Hanging(uri, asked)
        done.set()


@contextlib.asynccontextmanager
async def serving(handler: Any) -> AsyncIterator[str]:
    """Serve every path on the loopback interface; yields the URI of one."""
    app = web.Application()
    app.router.add_get("/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/disk"
    finally:
        await runner.cleanup()


@pytest.fixture
def serve() -> Any:
    """Serve with a handler: `async with serve(handler) as uri`."""
    return serving
