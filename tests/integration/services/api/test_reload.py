"""SIGHUP: the settings are read again while requests are served, by the real processes of an API."""

import asyncio
import contextlib
import hashlib
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from glimpse.settings import toml

SIZE = 3 * 2**20


@dataclass
class Process:
    """An API of two workers, and what it has said so far."""

    process: asyncio.subprocess.Process
    port: int
    config: Path
    tree: dict[str, Any]
    log: Path

    def write(self, **changes: dict[str, Any]) -> None:
        """Write the settings file anew."""
        tree = {name: {**self.tree.get(name, {}), **changes.get(name, {})} for name in self.tree | changes}
        self.config.write_text("\n".join(f"{name} = {toml.written(value)}" for name, value in tree.items()))

    def hang_up(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def lines(self, event: str) -> list[dict[str, Any]]:
        found = (json.loads(line) for line in self.log.read_text().splitlines(keepends=True) if line.endswith("\n"))
        return [line for line in found if line["event"] == event]

    @property
    def workers(self) -> set[int]:
        return {child.pid for child in psutil.Process(self.process.pid).children()}


async def until(look: Callable[[], Any], seconds: float = 20) -> Any:
    """Look again and again until there is something to see."""
    async with asyncio.timeout(seconds):
        while not (found := look()):
            await asyncio.sleep(0.02)  # between two looks; the time-out ends this
    return found


@pytest.fixture
async def api(settings: dict[str, Any], tmp_path: Path) -> AsyncIterator[Process]:
    port = free_port()
    log, config = tmp_path / "log", tmp_path / "glimpse.toml"
    default = settings.pop("default_store")
    tree = {**settings, "api": {"port": port, "workers": 2, "drain_seconds": 10}, "auth": {"mode": "none"}, "log": {}}
    reading, writing = os.pipe()
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from glimpse.cli import main; main()", "api", "--config", str(config)),
            *("--set", f"default_store={default}"),
            pass_fds=[writing],
            env={**os.environ, "GLIMPSE_READY_FD": str(writing)},
            stderr=file,
        )
        running = Process(process, port, config, tree, log)
        running.write()
    os.close(writing)
    try:
        said = await asyncio.wait_for(asyncio.to_thread(os.read, reading, 6), 30)
        assert said == b"ready\n", log.read_text()
        yield running
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.wait(), 30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def connections() -> list[aiohttp.TraceConnectionCreateEndParams]:
    """The connections that the client had to make."""
    return []


@pytest.fixture
async def client(api: Process, connections: list[Any]) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that makes another connection only when it lost the one it had."""
    trace = aiohttp.TraceConfig()

    async def made(_session: Any, _context: Any, connection: Any) -> None:
        connections.append(connection)

    trace.on_connection_create_end.append(made)
    connector = aiohttp.TCPConnector(limit=1)
    base = f"http://127.0.0.1:{api.port}"
    async with aiohttp.ClientSession(base, connector=connector, trace_configs=[trace]) as session:
        yield session


@dataclass
class Upload:
    """An upload of which the first half was sent."""

    image_id: str
    go_on: asyncio.Event
    answer: "asyncio.Task[int]"

    async def end(self) -> int:
        """Send the rest; returns the status of the answer."""
        self.go_on.set()
        return await asyncio.wait_for(self.answer, 30)


async def begin(client: aiohttp.ClientSession) -> Upload:
    """Make an image and send half of its bytes; they are on their way when this returns."""
    body = {"disk_format": "raw", "container_format": "bare"}
    async with client.post("/v2/images", json=body) as created:
        image_id = (await created.json())["id"]
    go_on, sent = asyncio.Event(), asyncio.Event()

    async def halves() -> AsyncIterator[bytes]:
        yield bytes(SIZE)
        sent.set()
        await go_on.wait()
        yield bytes(SIZE)

    async def put() -> int:
        headers = {"Content-Type": "application/octet-stream"}
        async with client.put(f"/v2/images/{image_id}/file", data=halves(), headers=headers) as answer:
            await answer.read()
            return answer.status

    answer = asyncio.create_task(put())
    await asyncio.wait_for(sent.wait(), 20)
    return Upload(image_id, go_on, answer)


async def hashes(client: aiohttp.ClientSession, image_id: str) -> tuple[str, str]:
    async with client.get(f"/v2/images/{image_id}") as shown:
        image = await shown.json()
    return image["os_hash_algo"], image["os_hash_value"]


def digest(algorithm: str) -> tuple[str, str]:
    return algorithm, hashlib.new(algorithm, bytes(2 * SIZE)).hexdigest()


async def saving(api: Process, image_id: str) -> None:
    """Wait until an upload has its image: until the worker works on it."""
    async with aiohttp.ClientSession(f"http://127.0.0.1:{api.port}") as other, asyncio.timeout(20):
        while True:
            async with other.get(f"/v2/images/{image_id}") as shown:
                if (await shown.json())["status"] == "saving":
                    return
            await asyncio.sleep(0.02)  # between two looks; the time-out ends this


async def test_an_upload_ends_with_the_algorithm_it_began_with_and_the_next_has_the_new_one(
    api: Process, client: aiohttp.ClientSession, connections: list[Any]
) -> None:
    workers = api.workers
    running = await begin(client)
    await saving(api, running.image_id)
    api.write(images={"hashing_algorithm": "sha256"})
    api.hang_up()
    await until(lambda: len(api.lines("settings are taken")) == 2)
    assert await running.end() == 204
    assert await hashes(client, running.image_id) == digest("sha512")
    following = await begin(client)
    assert await following.end() == 204
    assert await hashes(client, following.image_id) == digest("sha256")
    assert api.workers == workers
    assert len(connections) == 1


@pytest.mark.rule("OP-51")
@pytest.mark.parametrize("wrong", ['images = { hashing_algorithm = "shake_128" }', "no toml", None])
async def test_wrong_settings_are_said_to_be_and_change_nothing(
    wrong: str | None, api: Process, client: aiohttp.ClientSession, connections: list[Any]
) -> None:
    workers = api.workers
    running = await begin(client)
    await saving(api, running.image_id)
    if wrong is None:
        api.config.unlink()
    else:
        api.config.write_text(wrong)
    api.hang_up()
    kept = await until(lambda: api.lines("settings are kept"))
    assert len(kept) == 1
    assert kept[0]["level"] == "error"
    assert await running.end() == 204
    assert await hashes(client, running.image_id) == digest("sha512")
    following = await begin(client)
    assert await following.end() == 204
    assert await hashes(client, following.image_id) == digest("sha512")
    assert api.workers == workers
    assert len(connections) == 1
    assert not api.lines("settings are taken")


async def test_what_needs_a_restart_is_named_and_waits(api: Process, client: aiohttp.ClientSession) -> None:
    api.write(api={"public_endpoint": "http://elsewhere"}, images={"hashing_algorithm": "sha256"})
    api.hang_up()
    named = await until(lambda: api.lines("settings need a restart"))
    assert named[0]["settings"] == ["api.public_endpoint"]
    async with client.get("/versions") as answer:
        assert "elsewhere" not in await answer.text()


async def test_the_level_of_the_log_changes(api: Process, client: aiohttp.ClientSession) -> None:
    async def asked() -> int:
        """Make a request; returns how many there are in the log."""
        async with client.get("/versions") as answer:
            await answer.read()
        return len(api.lines("request"))

    assert await asked() == 1
    api.write(log={"level": "error"})
    api.hang_up()
    await until(lambda: len(api.lines("settings are read again")) == 1)
    async with asyncio.timeout(20):
        while True:  # until the worker of this connection has heard
            before = len(api.lines("request"))
            if await asked() == before:
                break
    api.write()
    api.hang_up()
    async with asyncio.timeout(20):
        while await asked() == before:
            await asyncio.sleep(0.02)  # between two looks; the time-out ends this


async def test_a_worker_that_is_born_later_has_what_its_siblings_have(
    api: Process, client: aiohttp.ClientSession
) -> None:
    api.write(images={"hashing_algorithm": "sha256"}, api={"public_endpoint": "http://elsewhere"})
    api.hang_up()
    await until(lambda: len(api.lines("settings are taken")) == 2)
    old = api.workers
    for pid in old:
        os.kill(pid, signal.SIGKILL)
    await until(lambda: len(api.workers - old) == 2)
    upload = await begin(client)
    assert await upload.end() == 204
    assert await hashes(client, upload.image_id) == digest("sha256")
    async with client.get("/versions") as answer:
        assert "elsewhere" not in await answer.text()


async def test_a_worker_that_is_hung_up_on_itself_does_not_mind(api: Process, client: aiohttp.ClientSession) -> None:
    workers = api.workers
    running = await begin(client)
    await saving(api, running.image_id)
    for pid in workers:
        os.kill(pid, signal.SIGHUP)
    assert await running.end() == 204
    assert api.workers == workers


async def test_workers_still_notice_that_their_parent_is_gone(api: Process) -> None:
    workers = [psutil.Process(pid) for pid in api.workers]
    api.process.kill()
    await until(lambda: not [worker for worker in workers if worker.is_running() and worker.status() != "zombie"])
