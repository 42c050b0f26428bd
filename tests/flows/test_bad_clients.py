"""Clients that lie, break off and send what makes no sense: each is told so, and none leaves anything behind."""

import asyncio
import contextlib
import io
import json
import random
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import pytest

from tests.fixtures.processes import Started
from tests.fixtures.raw import OWNER, connected
from tests.fixtures.waiting import until

OCTETS = {"Content-Type": "application/octet-stream"}
V21 = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
MIB = 2**20
DEEP = 10_000
WISH = {"disk_format": "raw", "container_format": "bare"}


def many(count):
    return {f"p{number}": "x" for number in range(count)}


def added(values):
    return [{"op": "add", "path": f"/{name}", "value": value} for name, value in values.items()]


BODIES = [
    ("ten thousand properties", many(10_000), added(many(10_000)), 413),
    ("ten thousand tags", {"tags": list(many(10_000))}, added({"tags": list(many(10_000))}), 413),
    ("a name of a mebibyte", {"name": "x" * MIB}, added({"name": "x" * MIB}), 400),
    ("a tag of a mebibyte", {"tags": ["x" * MIB]}, added({"tags": ["x" * MIB]}), 400),
    ("a property called so", {"x" * MIB: "y"}, added({"x" * MIB: "y"}), 400),
    ("more than is read", {"a": "x" * 2 * MIB}, added({"a": "x" * 2 * MIB}), 413),
    ("four bytes for one character", {"name": "\U0001f600"}, added({"name": "\U0001f600"}), 400),
    ("NaN", b'{"min_disk": NaN}', b'[{"op": "add", "path": "/min_disk", "value": NaN}]', 400),
    ("infinity", b'{"min_disk": -Infinity}', b'[{"op": "add", "path": "/min_disk", "value": -Infinity}]', 400),
    ("lists in lists", b'{"a": %b' % (b"[" * DEEP + b"]" * DEEP), b"[" * DEEP + b"]" * DEEP, 400),
    ("objects in objects", b'{"a": ' * DEEP + b"1" + b"}" * DEEP, b'[{"a": ' * DEEP + b"1" + b"}]" * DEEP, 400),
    ("no end", b'{"name": "x', b'[{"op": "add"', 400),
]
"""What is wrong with it, as a new image, as a change, and what is answered."""


@dataclass
class Left:
    """What a process, its folders and its database hold at rest."""

    memory: int
    descriptors: int
    connections: int
    files: int
    stored: int
    writing: int
    moving: int


@dataclass
class Mischief:
    """All that bad clients do, against one process."""

    api: Started
    dice: random.Random
    session: aiohttp.ClientSession
    answered: list[int] = field(default_factory=list)

    async def image(self) -> str:
        async with self.session.post("/v2/images", json=WISH) as answer:
            assert answer.status == 201
            return f"/v2/images/{(await answer.json())['id']}"

    async def status(self, path: str) -> str:
        async with self.session.get(path) as answer:
            return str((await answer.json())["status"])

    async def bodies(self) -> None:
        """Send JSON that is too much, or none."""
        path = await self.image()
        for what, new, change, status in BODIES:
            for method, where, body, headers in (("POST", "/v2/images", new, {}), ("PATCH", path, change, V21)):
                content = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
                async with self.session.request(method, where, data=io.BytesIO(content), headers=headers) as answer:
                    assert answer.status == status, (what, method, await answer.text())
                    assert (await answer.read()) != b""
        twice = b'{"name": "a", "name": "b"}'
        async with self.session.post("/v2/images", data=twice) as answer:  # the last one counts, as everywhere
            assert (answer.status, (await answer.json())["name"]) == (201, "b")

    async def lengths(self) -> None:
        """Announce other bytes than come, both ways."""
        for end in ("file", "stage"):
            for announced, came in ((10, 9), (10, 11)):
                path = await self.image()
                headers = {**OCTETS, "x-openstack-image-size": str(announced)}
                async with self.session.put(f"{path}/{end}", data=bytes(came), headers=headers) as answer:
                    assert answer.status == 400
                assert await self.status(path) == "queued"
            path = await self.image()
            async with connected(self.api.base) as client:  # fewer: the rest never comes
                await client.ask("PUT", f"{path}/{end}", {**OCTETS, "Content-Length": "1000"}, bytes(999))
                client.connection.shutdown(1)
                assert b" 204 " not in (await client.rest())[:20]
            await until(lambda path=path: self.status(path), lambda status: status == "queued")
            async with connected(self.api.base) as client:  # more: what follows is no request
                await client.ask("PUT", f"{path}/{end}", {**OCTETS, "Content-Length": "10"}, b"x" * 1000)
                said = await client.rest()
                assert b" 400 " in said
                assert b" 500 " not in said
            async with self.session.get(path) as answer:
                assert (await answer.json())["size"] in (None, 10)

    async def chunks(self) -> None:
        """Send chunks of which the last one is none, or half of one."""
        for end in ("file", "stage"):
            for broken in (b"zz\r\n", b"5\r\nabcdefgh\r\n", b"-1\r\n", b"ffffffffffffffffffff\r\n"):
                path = await self.image()
                async with connected(self.api.base) as client:
                    headers = {**OCTETS, "Transfer-Encoding": "chunked"}
                    await client.ask("PUT", f"{path}/{end}", headers, b"5\r\nhello\r\n" + broken)
                    assert (await client.head()).status == 400
                assert await until(lambda path=path: self.status(path), lambda status: status == "queued")
            async with connected(self.api.base) as client:
                await client.ask("PUT", f"{path}/{end}", headers, b"5\r\nhello\r\n100000\r\nhalf")
                client.hang_up()
            await until(lambda path=path: self.status(path), lambda status: status == "queued")

    async def breaking_off(self, times: int) -> None:
        """Send requests up to any byte, and go: politely, or not."""
        paths = [await self.image() for _ in range(4)]
        body = json.dumps(WISH | many(100)).encode()
        change = json.dumps(added(many(50))).encode()
        length = {"Content-Length": str(300_000)}
        requests = [
            ("POST", "/v2/images", {"Content-Length": str(len(body))}, body),
            ("PATCH", paths[0], {**V21, "Content-Length": str(len(change))}, change),
            ("PUT", f"{paths[1]}/file", {**OCTETS, **length}, bytes(300_000)),
            ("PUT", f"{paths[2]}/stage", {**OCTETS, **length}, bytes(300_000)),
            ("PUT", f"{paths[3]}/file", {**OCTETS, "Transfer-Encoding": "chunked"}, b"10000\r\n" + bytes(65536)),
            ("GET", "/v2/images?limit=1000", {}, b""),
        ]
        for _ in range(times):
            method, path, headers, content = self.dice.choice(requests)
            lines = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "g", **OWNER, **headers}.items())
            whole = f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + content
            async with connected(self.api.base) as client:
                with contextlib.suppress(ConnectionError):  # it may have been refused meanwhile
                    await client.send(whole[: self.dice.randrange(len(whole))])
                if self.dice.random() < 0.5:
                    client.hang_up()

    async def slowly(self, done: asyncio.Event, pause: float = 0.02) -> int:
        """Upload a byte now and then while the others are at it: that is no mischief."""

        async def bytewise():
            while not done.is_set():
                yield b"x"
                await asyncio.sleep(pause)  # what makes it slow

        path = await self.image()
        async with self.session.put(f"{path}/file", data=bytewise(), headers=OCTETS) as answer:
            return answer.status

    async def all(self) -> None:
        done = asyncio.Event()
        async with asyncio.TaskGroup() as together:
            slow = [together.create_task(self.slowly(done)) for _ in range(20)]
            await self.bodies()
            await self.lengths()
            await self.chunks()
            await self.breaking_off(80)
            done.set()
        assert [task.result() for task in slow] == [204] * 20


async def at_rest(api: Started, dsn: str, folder: Path) -> Left:
    """Wait until nobody is connected and nothing is on its way; return what is left then."""
    (worker,) = api.workers()
    process, port = psutil.Process(worker), int(api.base.rpartition(":")[2])
    database = await asyncpg.connect(dsn)

    async def look() -> Left:
        clients = [each for each in process.net_connections() if each.laddr and each.laddr.port == port and each.raddr]
        row = await database.fetchrow(
            """
            SELECT (SELECT count(*) FROM blobs WHERE state = 'stored') AS stored,
                   (SELECT count(*) FROM blobs WHERE state = 'writing') AS writing,
                   (SELECT count(*) FROM images WHERE status = 'saving' OR (status = 'uploading' AND size IS NULL))
                       AS moving
            """
        )
        stores = [folder / name for name in ("fast", "cheap", "staging")]
        files = [path for store in stores for path in store.rglob("*") if path.is_file()]
        kept = [path for path in files if path.name != ".glimpse-store"]
        return Left(
            memory=process.memory_info().rss,
            descriptors=process.num_fds(),
            connections=len(clients),
            files=len(kept),
            **dict(row.items()),
        )

    try:
        return await until(
            look, lambda left: (left.connections, left.writing, left.moving) == (0, 0, 0) and left.files == left.stored
        )
    finally:
        await database.close()


@pytest.mark.rule("IMG-415", "IMG-88", "IMG-93")
async def test_bad_clients_are_told_so_and_leave_nothing_behind(start_api, dsn, tmp_path):
    api = await start_api(workers=1)

    async def round_of_mischief(seed):
        async with aiohttp.ClientSession(api.base, headers=OWNER) as session:
            await Mischief(api, random.Random(seed), session).all()
        return await at_rest(api, dsn, tmp_path)

    first = await round_of_mischief(1)  # pools and caches are as large as they get
    for seed in range(2, 5):
        last = await round_of_mischief(seed)
    assert last.descriptors <= first.descriptors + 2  # one more connection to the database, at most
    assert last.memory <= first.memory + 24 * MIB  # less than what came in three rounds
    assert (await api.ask("GET", "/readyz"))[0] == 200
    said = [json.loads(line) for line in api.said().splitlines()]
    assert [line for line in said if line.get("status", 0) >= 500 or line["level"] in ("error", "critical")] == []


async def test_two_hundred_slow_uploads_are_waited_for_and_keep_nobody_waiting(start_api, dsn, tmp_path):
    api = await start_api(workers=1)
    everybody = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(api.base, headers=OWNER, connector=everybody) as session:
        clients, done = Mischief(api, random.Random(9), session), asyncio.Event()

        async def saving() -> int:
            async with session.get("/v2/images?status=saving&limit=1000") as answer:
                return len((await answer.json())["images"])

        async with asyncio.timeout(120), asyncio.TaskGroup() as together:
            slow = [together.create_task(clients.slowly(done, pause=0.5)) for _ in range(200)]
            await until(saving, lambda count: count == 200, seconds=60)
            for _ in range(10):
                path = await clients.image()
                async with session.put(f"{path}/file", data=b"quick", headers=OCTETS) as answer:
                    assert answer.status == 204
            assert await saving() == 200  # they are still at it
            done.set()
    assert [task.result() for task in slow] == [204] * 200
    left = await at_rest(api, dsn, tmp_path)
    assert (left.stored, left.files) == (210, 210)
