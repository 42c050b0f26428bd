"""A Glimpse with short clocks, whose processes are killed at chosen statements; and what must hold afterwards."""

import asyncio
import contextlib
import socket
import uuid
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.fixtures import gates
from tests.fixtures.up import Glimpse

SHORT_CLOCKS = {
    "scrubber.abandoned_seconds": "1",
    "scrubber.sweep_seconds": "0.1",
    "scrubber.claim_seconds": "1",
    "scrubber.grace_seconds": "0.5",
    "import.lease_seconds": "1",
    "import.heartbeat_seconds": "0.2",
    "import.poll_seconds": "0.1",
    "import.retry_seconds": "0.1",
    "import.attempts": "20",
    "bus.lease_seconds": "1",
    "import.allowed_networks": '["127.0.0.1/32"]',
    "import.allowed_ports": "[]",
    "import.convert_to": '"raw"',
}
"""Every lease, deadline, poll and grace period is a setting."""


def settings(**more: str) -> list[str]:
    """Return the words that set short clocks, and more."""
    return [word for name, value in {**SHORT_CLOCKS, **more}.items() for word in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def glimpse(roomy, start):
    """A Glimpse whose clocks are short."""
    folder = roomy / uuid.uuid4().hex
    folder.mkdir(mode=0o755)
    with start(folder, *settings()) as running:
        yield running


@dataclass
class Checker:
    """What must hold once everything has come to rest, whatever was killed before."""

    glimpse: Glimpse

    async def rest(self, seconds: float = 60) -> None:
        """Wait until nothing moves any more."""
        async with asyncio.timeout(seconds):
            while left := await self._moving():
                await asyncio.sleep(0.05)  # between two looks; the time-out ends this
                self.left = left

    async def in_order(self) -> None:
        """Wait for rest, then look at everything."""
        try:
            await self.rest()
        except TimeoutError:
            raise AssertionError(f"still moving: {self.left}\n{self.glimpse.tail()}") from None
        await self._every_byte_has_its_row()
        await self._every_change_is_told_in_order()

    async def _moving(self) -> list[dict[str, Any]]:
        return await self.glimpse.query(
            """
            SELECT 'image' AS what, id, status FROM images
             WHERE status IN ('saving', 'importing', 'pending_delete')
            UNION ALL SELECT 'blob', store || ' ' || key, state FROM blobs WHERE state <> 'stored'
            UNION ALL SELECT 'task', id, status FROM tasks WHERE status IN ('pending', 'processing')
            UNION ALL SELECT 'event', subject, type FROM outbox
            """
        )

    async def _every_byte_has_its_row(self) -> None:
        rows = await self.glimpse.query("SELECT store, key, size FROM blobs")
        known = {(row["store"], row["key"]): row["size"] for row in rows}
        found = {
            (store, str(path.relative_to(root))): path.stat().st_size
            for store, root in self.glimpse.stores().items()
            for path in root.rglob("*")
            if path.is_file() and path.name != ".glimpse-store"
        }
        assert found == known

    async def _every_change_is_told_in_order(self) -> None:
        told = await self.glimpse.query(
            """
            SELECT subject, array_agg(version ORDER BY pos) AS versions
              FROM events
             WHERE version IS NOT NULL
             GROUP BY subject
            """
        )
        versions = {row["subject"]: row["versions"] for row in told}
        for row in await self.glimpse.query("SELECT id, version FROM images"):
            assert versions[row["id"]] == list(range(1, row["version"] + 1)), row["id"]
        (dense,) = await self.glimpse.query(
            "SELECT count(*) AS number, min(pos) AS first, max(pos) AS last FROM events"
        )
        assert dense["number"] == dense["last"] - dense["first"] + 1


@pytest.fixture
def checker(glimpse) -> Checker:
    return Checker(glimpse)


@pytest.fixture
def gate(glimpse) -> Callable[..., AbstractAsyncContextManager[gates.Gate]]:
    """Hold whoever writes something: `async with gate("UPDATE", "images", "NEW.status = 'active'") as held`."""

    def closed(what: str, table: str, when: str = "true") -> AbstractAsyncContextManager[gates.Gate]:
        return gates.closed(glimpse.dsn, what, table, when)

    return closed


@contextlib.contextmanager
def half_sent(glimpse: Glimpse, path: str, content: bytes) -> Any:
    """Send half of some bytes, and leave the connection open."""
    host, port = glimpse.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 30) as connection:
        head = f"PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/octet-stream\r\n"
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + content[: len(content) // 2])
        yield connection


@pytest.fixture
def sending(glimpse) -> Callable[[str, bytes], Any]:
    return lambda path, content: half_sent(glimpse, path, content)
