"""A scrubber on a real database and real directories, and images for it to let go."""

import os
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import orjson
import pytest

from glimpse import restore
from glimpse.database import images
from glimpse.database.pool import Database
from glimpse.errors import NotFound
from glimpse.image import ImageRow
from glimpse.settings import Settings
from glimpse.stores import catalog
from schemas.vocabulary import STAGING
from services.scrubber.ports import Ports


@dataclass
class House:
    """What the tests do with a scrubber."""

    database: Database
    ports: Ports
    folder: Path
    dsn: str
    number: int = field(default=0)

    def another(self, **rules: Any) -> "House":
        """Return a scrubber with other settings on the same database and stores."""
        settings = self.ports.settings
        configured = settings.model_copy(update={"scrubber": settings.scrubber.model_copy(update=rules)})
        self.number += 1
        ports = Ports(self.database, self.ports.catalog, configured, f"{self.ports.worker}{self.number}")
        return House(self.database, ports, self.folder, self.dsn)

    def configured(self, **sections: Any) -> "House":
        """Return a scrubber with other sections of settings, its stores opened anew."""
        settings = Settings.model_validate(self.ports.settings.model_dump(by_alias=False) | sections)
        self.number += 1
        ports = Ports(self.database, catalog.open_catalog(settings), settings, f"{self.ports.worker}{self.number}")
        return House(self.database, ports, self.folder, self.dsn)

    async def image(self, status: str = "active", stores: Sequence[str] = ("fast",), **columns: Any) -> str:
        """Make an image with bytes in stores, and everything users can say about it; returns its id."""
        image_id = columns.pop("id", None) or str(uuid.uuid4())
        size = len(self.content(image_id)) if status in ("active", "deactivated") else None
        await self.execute(
            """
            WITH used AS (
                INSERT INTO image_ids (id) VALUES ($1)
            ), shared AS (
                INSERT INTO members (image_id, image_created_at, member, status) VALUES ($1, now(), 'p2', 'accepted')
            )
            INSERT INTO images (id, name, status, visibility, disk_format, container_format, owner, size, virtual_size,
                                checksum, os_hash_algo, os_hash_value, properties, service_properties, tags, stores)
            VALUES ($1, 'alpine', $2, 'shared', 'raw', 'bare', 'p1', $3, $3, 'c', 'sha512', 'h', $4, $5, $6, $7)
            """,
            image_id,
            status,
            size,
            {"os": "linux", "ü": "ß"},
            columns.pop("service_properties", {"os_glimpse_source_size": "9"}),
            ["lts", "small"],
            list(stores) if size is not None else [],
        )
        for store in stores:
            await self.copy(image_id, store)
        for name, value in columns.items():
            await self.say(image_id, name, value)
        return image_id

    async def say(self, image_id: str, column: str, value: Any) -> None:
        await self.execute(f"UPDATE images SET {column} = $2 WHERE id = $1", image_id, value)

    @staticmethod
    def content(image_id: str) -> bytes:
        """Return the bytes of an image; those of each are its own."""
        return image_id.encode() * 100

    async def copy(self, image_id: str, store: str = "fast", state: str = "stored", lease: float | None = None) -> str:
        """Write a copy and its row; `lease` is in seconds from now. Returns the key."""
        key = f"{image_id}/{uuid.uuid4().hex}.1"
        await self.put(store, key, self.content(image_id))
        await self.execute(
            """
            INSERT INTO blobs (image_id, store, key, state, size, stored_at, lease_until)
            VALUES ($1, $2, $3, $4, $5, CASE WHEN $4 = 'stored' THEN clock_timestamp() END,
                    clock_timestamp() + $6::float8 * interval '1 second')
            """,
            image_id,
            store,
            key,
            state,
            len(self.content(image_id)),
            lease,
        )
        return key

    async def put(self, store: str, key: str, content: bytes) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield content

        await self.ports.catalog.get(store).write(key, chunks())

    async def delete(self, image_id: str, due_in: float = 0) -> None:
        """Delete an image as the API does: it becomes due after so many seconds."""
        await self.execute(
            """
            UPDATE images
               SET status = 'pending_delete', version = version + 1, deleted_at = clock_timestamp(),
                   status_before = CASE WHEN status IN ('active', 'deactivated') THEN status ELSE 'queued' END,
                   purge_after = clock_timestamp() + $2::float8 * interval '1 second'
             WHERE id = $1
            """,
            image_id,
            due_in,
        )

    async def deleted(self, due_in: float = 0, **columns: Any) -> str:
        """Make an image and delete it."""
        image_id = await self.image(**columns)
        await self.delete(image_id, due_in)
        return image_id

    async def ask_back(self, image_id: str) -> ImageRow:
        async with self.database.transaction() as tx:
            return await restore.request(tx, image_id)

    async def row_of(self, image_id: str) -> ImageRow:
        async with self.database.reading() as reader:
            found = await images.find(reader, image_id)
        assert found is not None
        return found

    async def status(self, image_id: str) -> str:
        return str((await self.row_of(image_id)).status)

    async def row(self, query: str, *arguments: Any) -> dict[str, Any]:
        (found,) = await self.rows(query, *arguments)
        return found

    async def rows(self, query: str, *arguments: Any) -> list[dict[str, Any]]:
        async with self.database.reading() as reader:
            return [dict(row.items()) for row in await reader.fetch(query, *arguments)]

    async def execute(self, query: str, *arguments: Any) -> int:
        async with self.database.transaction() as tx:
            return await tx.execute(query, *arguments)

    async def members(self, image_id: str) -> list[tuple[str, str]]:
        found = await self.rows("SELECT member, status FROM members WHERE image_id = $1", image_id)
        return [(row["member"], row["status"]) for row in found]

    async def blobs(self, image_id: str) -> list[tuple[str, str]]:
        """Return store and state of each copy of an image."""
        found = await self.rows("SELECT store, state FROM blobs WHERE image_id = $1 ORDER BY id", image_id)
        return [(row["store"], row["state"]) for row in found]

    async def make_due(self) -> None:
        """Let every wait of a copy be over."""
        await self.execute("UPDATE blobs SET run_at = clock_timestamp()")

    async def bytes_of(self, image_id: str, store: str = "fast") -> bytes:
        row = await self.row(
            "SELECT key FROM blobs WHERE image_id = $1 AND store = $2 AND state = 'stored'", image_id, store
        )
        return b"".join([chunk async for chunk in self.ports.catalog.get(store).read(row["key"])])

    def files(self, store: str = "fast") -> set[str]:
        """Return the keys of everything in a store."""
        root = self.folder / (store if store != STAGING else "staging")
        found = (Path(folder) / name for folder, _folders, names in os.walk(root) for name in names)
        return {str(path.relative_to(root)) for path in found if path.name != ".glimpse-store"}

    async def told(self, image_id: str) -> list[tuple[str, dict[str, Any]]]:
        """Return the facts about an image: what each is called, and what it says."""
        found = await self.rows("SELECT type, version, data FROM outbox WHERE subject = $1 ORDER BY seq", image_id)
        return [
            (row["type"].removeprefix("io.glimpse.image.").removesuffix(".v1"), orjson.loads(row["data"]))
            for row in found
        ]

    async def names_told(self, image_id: str) -> list[str]:
        return [name for name, _data in await self.told(image_id)]

    def take_away(self, store: str = "fast") -> None:
        """Unmount a store: its directory is empty."""
        (self.folder / store).rename(self.folder / f"{store}-elsewhere")
        (self.folder / store).mkdir()

    def bring_back(self, store: str = "fast") -> None:
        (self.folder / store).rmdir()
        (self.folder / f"{store}-elsewhere").rename(self.folder / store)

    async def holding(self, image_id: str) -> "asyncpg.Connection[asyncpg.Record]":
        """Hold the row of an image, as somebody else does; closing the connection lets go."""
        connection = await asyncpg.connect(self.dsn)
        await connection.execute("BEGIN")
        await connection.execute("SELECT FROM images WHERE id = $1 FOR UPDATE", image_id)
        return connection

    async def is_unknown(self, image_id: str) -> bool:
        async with self.database.transaction() as tx:
            try:
                await images.lock(tx, image_id)
            except NotFound:
                return True
        return False


def settings_of(dsn: str, folder: Path) -> Settings:
    return Settings.model_validate(
        {
            "postgres": {"dsn": dsn},
            "stores": {name: {"paths": [{"path": folder / name}]} for name in ("fast", "cheap")},
            "default_store": "fast",
            "staging": {"paths": [{"path": folder / "staging"}]},
        }
    )


@pytest.fixture
async def house(database: Database, dsn: str, tmp_path: Path) -> House:
    """A scrubber with the stores `fast` and `cheap`."""
    settings = settings_of(dsn, tmp_path)
    return House(database, Ports(database, catalog.open_catalog(settings), settings, "worker"), tmp_path, dsn)
