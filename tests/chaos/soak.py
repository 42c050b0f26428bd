"""`python -m tests.chaos.soak --minutes 60`: trouble for as long as you like, while clients work; then all is well.

It goes in rounds. In each, clients make, fill, import, copy, delete and restore images while processes are killed at
random; then both stop, nobody does anything, and everything must come to rest as it was promised: to clients, on disk,
in the log and in Kafka. The first violation ends it (status 1); its folder is left to whoever looks for its cause.
"""

import argparse
import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
from aiohttp import web

from tests.chaos import clocks
from tests.chaos.checker import Checker, Topics
from tests.chaos.clients import Users
from tests.chaos.trouble import Trouble
from tests.fixtures import kafka
from tests.fixtures.up import GLIMPSE, Glimpse, free_port

REST_SECONDS = 240
DISK_BYTES = 8 * 2**20
SIZES = (1, 4096, 100_000, 700_000, 3_000_000)
CLOCKS = {
    "api.workers": "2",
    "scrubber.grace_seconds": "2",
    "scrubber.abandoned_seconds": "3",
    "scrubber.claim_seconds": "2",
    "scrubber.retry_seconds": "0.2",
    "scrubber.retry_max_seconds": "5",
    "import.lease_seconds": "3",
    "import.heartbeat_seconds": "0.5",
    "import.retry_seconds": "0.001",
    "import.attempts": "1000",
    "bus.lease_seconds": "2",
    "bus.kafka_request_timeout_seconds": "2",
    "bus.kafka_partitions": "6",
    "api.drain_seconds": "2",
}


@dataclass
class Soak:
    """Everything that takes part."""

    folder: Path
    glimpse: Glimpse
    broker: kafka.Broker
    users: Users
    options: argparse.Namespace
    made: Counter[str] = field(default_factory=Counter)
    stories: int = 0

    async def run(self) -> None:
        """Go through rounds until the time is over; raises AssertionError at the first violation."""
        end = time.monotonic() + self.options.minutes * 60
        number = 0
        while time.monotonic() < end:
            number += 1
            await self._trouble(min(self.options.round_minutes * 60, max(end - time.monotonic(), 10)))
            began = time.monotonic()
            await self._check()
            took = time.monotonic() - began
            say(f"round {number} is well: {await self.counts()}; at rest and looked at after {took:.0f} s")

    async def _trouble(self, seconds: float) -> None:
        trouble = Trouble(
            self.glimpse, self.broker, self.start, self.users.dice, self.options.pause_seconds, made=self.made
        )
        self.users.pause.clear()
        async with asyncio.TaskGroup() as group:
            for _ in range(self.options.clients):
                group.create_task(self.users.live())
            group.create_task(trouble.make())
            await asyncio.sleep(seconds)
            trouble.stop.set()
            self.users.pause.set()
        self.stories += len(self.users.images)

    async def _check(self) -> None:
        await asyncio.to_thread(self._wait_until_ready)
        checker = Checker(self.glimpse, Topics(self.broker.bootstrap))
        await checker.in_order(REST_SECONDS)
        rows = await self.glimpse.query("SELECT id, status FROM images")
        status_of = {row["id"]: row["status"] for row in rows}
        async with aiohttp.ClientSession(self.glimpse.url) as session:
            wrong = await self.users.verify(session, status_of)
        assert not wrong, "\n".join(wrong)
        assert not self.users.odd, self.users.odd
        letters = await self.glimpse.query("SELECT reader, pos, reason FROM dead_letters")
        assert not letters, letters
        assert not list((self.folder / "scratch").glob("home-*/*")), "work was left behind"
        self.users.settle(status_of)

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + REST_SECONDS
        while True:
            if self.glimpse.process.poll() is not None:
                self.glimpse.process = self.start()
            with contextlib.suppress(OSError):
                if self.glimpse.ask("GET", "/readyz").status == 200:
                    return
            assert time.monotonic() < deadline, f"not ready\n{self.glimpse.tail()}"
            time.sleep(0.1)  # between two looks; the deadline ends this

    async def counts(self) -> str:
        """Say how much happened so far."""
        (row,) = await self.glimpse.query(
            """
            SELECT (SELECT count(*) FROM images) AS images, (SELECT count(*) FROM events) AS events,
                   (SELECT count(*) FROM tasks) AS imports
            """
        )
        return (
            f"{sum(self.made.values())} troubles, {row['images']} images, {row['imports']} imports, "
            f"{row['events']} events, answers {dict(sorted(self.users.answers.items()))}"
        )

    def start(self) -> "subprocess.Popen[bytes]":
        """Start `glimpse up` where it was."""
        return started(self.folder, self.glimpse.url, self.broker)


def main() -> int:
    """Soak; returns what the process ends with."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--round-minutes", type=float, default=5, help="how long trouble lasts between two looks")
    parser.add_argument("--pause-seconds", type=float, default=1.5, help="from one trouble to the next, on average")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument(
        "--seed", type=int, default=None, help="of all that is random; what follows depends on time, too"
    )
    options = parser.parse_args()
    options.seed = random.randrange(10**6) if options.seed is None else options.seed
    say(f"soak begins: {vars(options)}")
    return asyncio.run(_soak(options))


async def _soak(options: argparse.Namespace) -> int:
    folder = Path(tempfile.mkdtemp(prefix="glimpse-soak-"))
    os.chmod(folder, 0o755)  # Postgres never runs as root
    with kafka.a_broker() as broker:
        async with _served(folder, random.Random(options.seed)) as (address, contents):
            url = f"http://127.0.0.1:{free_port()}"
            glimpse = Glimpse(url, folder / "data", started(folder, url, broker), folder / "log")
            users = Users(url, address, contents, random.Random(options.seed))
            soak = Soak(folder, glimpse, broker, users, options)
            try:
                soak._wait_until_ready()
                await soak.run()
                await _end(glimpse)
            except (AssertionError, ExceptionGroup) as violation:
                say(f"VIOLATION: {''.join(traceback.format_exception(violation))}")
                say(f"look into {folder}; troubles so far: {dict(soak.made)}")
                return 1
            finally:
                glimpse.process.terminate()
    say(f"no violation in {options.minutes} minutes; troubles: {dict(sorted(soak.made.items()))}")
    shutil.rmtree(folder, ignore_errors=True)
    return 0


def started(folder: Path, url: str, broker: kafka.Broker) -> "subprocess.Popen[bytes]":
    """Start `glimpse up` in a folder."""
    scratch = {"import.scratch_dir": f'"{folder / "scratch"}"'}
    words = ["up", "--data-dir", str(folder / "data"), "--port", url.rpartition(":")[2], "--kafka", broker.bootstrap]
    with (folder / "log").open("ab") as log:
        argv = [*GLIMPSE, *words, *clocks.words(**CLOCKS, **scratch)]
        return subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


async def _end(glimpse: Glimpse) -> None:
    """Stop everything in order; nothing of it may stay."""
    with contextlib.suppress(ProcessLookupError):
        glimpse.process.send_signal(signal.SIGINT)
    await asyncio.to_thread(glimpse.process.wait, 60)
    left = [each for each in psutil.process_iter() if _is_of(each, glimpse.data)]
    for each in left:
        each.kill()
    assert not left, f"still running: {left}"


def _is_of(process: psutil.Process, data: Path) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.environ().get("GLIMPSE_UP") == str(data) or str(data) in " ".join(process.cmdline())
    return False


@contextlib.asynccontextmanager
async def _served(folder: Path, dice: random.Random) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve what images are made of, slowly enough that somebody may be killed meanwhile."""
    raw, disk = folder / "disk.raw", folder / "disk.qcow2"
    raw.write_bytes(dice.randbytes(DISK_BYTES))
    await asyncio.to_thread(subprocess.run, ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, disk], check=True)
    contents = [dice.randbytes(size) for size in SIZES] + [raw.read_bytes()]
    served = {f"{number}": content for number, content in enumerate(contents)} | {"disk.qcow2": disk.read_bytes()}

    async def serve(request: web.Request) -> web.StreamResponse:
        content = served[request.match_info["name"]]
        answer = web.StreamResponse(headers={"Content-Length": str(len(content))})
        with contextlib.suppress(ConnectionError):  # whoever asked was killed
            await answer.prepare(request)
            for start in range(0, len(content), len(content) // 4 + 1):
                await answer.write(content[start : start + len(content) // 4 + 1])
                await asyncio.sleep(dice.random() / 4)
        return answer

    app = web.Application()
    app.router.add_get("/{name}", serve)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", contents
    await runner.cleanup()


def say(what: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {what}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
