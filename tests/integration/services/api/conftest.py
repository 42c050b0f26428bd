"""An API on a real database and real directories, spoken to over a socket."""

import asyncio
import contextlib
import io
import json
import socket
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from glimpse.database import images
from glimpse.image import ImageRow
from glimpse.settings import Settings
from services.api import main, server, workers
from services.api.ports import Ports

V21 = "application/openstack-images-v2.1-json-patch"
V20 = "application/openstack-images-v2.0-json-patch"


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Any
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Person:
    """Somebody who makes requests, with the roles and the project that a proxy says they have."""

    session: aiohttp.ClientSession
    base: str
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        """Make a request; a body that is no bytes is sent as JSON."""
        headers = {**self.headers, **options.pop("headers", {})}
        if body is not None and not isinstance(body, bytes | str) and not hasattr(body, "__aiter__"):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if isinstance(body, bytes):
            body = io.BytesIO(body)
        async with self.session.request(
            method,
            path if "://" in path else f"{self.base}{path}",
            data=body,
            headers=headers,
            allow_redirects=False,
            skip_auto_headers=("Content-Type", "Accept"),
            **options,
        ) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.ask("GET", path, **options)

    async def create(self, **members: Any) -> dict[str, Any]:
        """Make an image; returns it."""
        answer = await self.ask("POST", "/v2/images", members)
        assert answer.status == 201, answer.content
        image: dict[str, Any] = answer.json
        return image

    async def create_active(self, content: bytes = b"some bytes", **members: Any) -> dict[str, Any]:
        """Make an image with bytes; returns it."""
        image = await self.create(**{"disk_format": "raw", "container_format": "bare"} | members)
        answer = await self.upload(image["id"], content)
        assert answer.status == 204, answer.content
        return await self.show(image["id"])

    async def show(self, image_id: str) -> dict[str, Any]:
        answer = await self.get(f"/v2/images/{image_id}")
        assert answer.status == 200, answer.content
        image: dict[str, Any] = answer.json
        return image

    async def upload(self, image_id: str, content: Any, headers: dict[str, str] | None = None) -> Answer:
        octets = {"Content-Type": "application/octet-stream", **(headers or {})}
        return await self.ask("PUT", f"/v2/images/{image_id}/file", content, headers=octets)

    async def stage(self, image_id: str, content: Any, headers: dict[str, str] | None = None) -> Answer:
        octets = {"Content-Type": "application/octet-stream", **(headers or {})}
        return await self.ask("PUT", f"/v2/images/{image_id}/stage", content, headers=octets)

    async def patch(self, image_id: str, *operations: Any, dialect: str = V21) -> Answer:
        return await self.ask("PATCH", f"/v2/images/{image_id}", list(operations), headers={"Content-Type": dialect})


@dataclass
class Api:
    """A running API."""

    ports: Ports
    base: str
    session: aiohttp.ClientSession

    def person(self, project: str | None = "p1", *, roles: str = "member,reader", user: str = "u1") -> Person:
        """Return somebody in a project."""
        headers = {"X-Identity-Status": "Confirmed", "X-User-Id": user, "X-Roles": roles}
        return Person(self.session, self.base, headers | ({"X-Project-Id": project} if project else {}))

    async def talk(self, sent: bytes, *, then_close: bool = False) -> bytes:
        """Send bytes as they are, and return all that comes back until the other side closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.base.rpartition(":")[2]))
        writer.write(sent)
        if then_close:
            writer.write_eof()
        async with asyncio.timeout(20):
            came = await reader.read()
        writer.close()
        return came

    @property
    def admin(self) -> Person:
        return self.person("admins", roles="admin,member,reader", user="root")

    async def row(self, image_id: str) -> ImageRow | None:
        """Read an image's row, deleted or not."""
        async with self.ports.database.reading() as reader:
            return await images.find(reader, image_id)

    async def blobs(self, image_id: str) -> list[tuple[str, str]]:
        """Return store and state of each copy of an image."""
        async with self.ports.database.reading() as reader:
            rows = await reader.fetch("SELECT store, state FROM blobs WHERE image_id = $1 ORDER BY id", image_id)
        return [(row["store"], row["state"]) for row in rows]

    async def told(self, image_id: str) -> list[str]:
        """Return the facts that were told of an image."""
        async with self.ports.database.reading() as reader:
            rows = await reader.fetch("SELECT type FROM outbox WHERE subject = $1 ORDER BY seq", image_id)
        return [row["type"].removeprefix("io.glimpse.").removesuffix(".v1") for row in rows]

    async def execute(self, query: str, *arguments: Any) -> int:
        async with self.ports.database.transaction() as tx:
            return await tx.execute(query, *arguments)


@pytest.fixture
def settings(dsn: str, tmp_path: Path, usual_settings: Any) -> dict[str, Any]:
    """Settings of the API as a file would have them; a test may change them before it starts one."""
    made: dict[str, Any] = usual_settings(dsn, tmp_path)
    return made


@pytest.fixture(scope="session")
def usual_settings() -> Any:
    """Make the usual settings for a database and a folder."""
    return _usual_settings


def _usual_settings(dsn: str, tmp_path: Path) -> dict[str, Any]:
    return {
        "postgres": {"dsn": dsn},
        "api": {"port": 0, "access_log": False, "drain_seconds": 2},
        "auth": {"mode": "headers"},
        "stores": {name: {"paths": [{"path": str(tmp_path / name)}]} for name in ("fast", "cheap")},
        "default_store": "fast",
        "staging": {"paths": [{"path": str(tmp_path / "staging")}]},
        "import": {"allowed_networks": ["127.0.0.1/32"], "allowed_ports": []},
    }


@contextlib.asynccontextmanager
async def running(settings: dict[str, Any], *, send_buffer: int | None = None) -> AsyncIterator[Api]:
    """Run an API; with a small send buffer, the kernel soon takes no more for clients that do not read."""
    configured = Settings.model_validate(settings)
    async with contextlib.AsyncExitStack() as stack:
        listening = stack.enter_context(workers.listen(configured.api))
        if send_buffer is not None:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)  # connections inherit it
        ports = await stack.enter_async_context(main.opened(configured))
        drain = configured.api.drain_seconds
        await stack.enter_async_context(server.serving(main.door(ports), listening, drain))
        session = await stack.enter_async_context(aiohttp.ClientSession(auto_decompress=False))
        yield Api(ports, f"http://127.0.0.1:{listening.getsockname()[1]}", session)


@pytest.fixture(scope="session")
def run() -> Any:
    """Run an API of its own: `async with run(settings) as api`."""
    return running


@pytest.fixture
async def api(settings: dict[str, Any]) -> AsyncIterator[Api]:
    """An API with the usual settings."""
    async with running(settings) as api:
        yield api


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(fresh_database: Any, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Api]:
    """One API for all rows of the tables in a module; what they make is seen by the others.

    The module says `pytestmark = pytest.mark.asyncio(loop_scope="module")`.
    """
    async with fresh_database() as dsn, running(_usual_settings(dsn, tmp_path_factory.mktemp("shared"))) as api:
        yield api


@pytest.fixture
def owner(api: Api) -> Person:
    """Somebody in project p1."""
    return api.person("p1")


@pytest.fixture
def stranger(api: Api) -> Person:
    """Somebody in project p2."""
    return api.person("p2", user="u2")


@pytest.fixture
def admin(api: Api) -> Person:
    """An administrator."""
    return api.admin


@pytest.fixture
def an_id() -> str:
    """An id that was never used."""
    return str(uuid.uuid4())
