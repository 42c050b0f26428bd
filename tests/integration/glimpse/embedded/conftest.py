"""`glimpse up` as a process, with small services in the place of ours, each on a data directory of its own."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import glimpse
from glimpse.embedded.account import Account

SERVICE = str(Path(__file__).with_name("service.py"))
IN_TIME = 40
ROOM = 2 * 1024**3
PROGRAM = """
import json, sys
from pathlib import Path
import typer
from glimpse import settings
from glimpse.commands import settled
from glimpse.embedded import house
folder, services, assignments = json.loads(sys.argv[1])
try:
    with settled.refusals_in_one_line():
        house.run(Path(folder), settings.stated(None, settled.nested(assignments)), services)
except typer.Exit as left:
    sys.exit(left.exit_code)
"""


@dataclass
class Up:
    """A `glimpse up` that was started."""

    home: Path
    process: asyncio.subprocess.Process
    said: list[str] = field(default_factory=list)
    """Every line of it and its services so far."""
    listening: asyncio.Task[None] | None = None

    async def until(self, condition: Callable[[], Any]) -> Any:
        """Wait for something to hold, under a time-out; return what it was."""
        async with asyncio.timeout(IN_TIME):
            while not (found := condition()):
                await asyncio.sleep(0.02)
            return found

    async def ready(self) -> "Up":
        """Wait until it says that it is ready."""
        await self.until(lambda: self.mentions("Glimpse is ready") or self.process.returncode is not None)
        assert self.mentions("Glimpse is ready"), self.said
        return self

    def mentions(self, words: str) -> list[str]:
        return [line for line in self.said if words in line]

    def refusal(self) -> str:
        """Return the one line it ended with."""
        (line,) = (line for line in self.said if line.startswith("glimpse: "))
        return line.removeprefix("glimpse: ")

    async def left(self) -> int:
        """Wait for its end; return its status."""
        status = await asyncio.wait_for(self.process.wait(), IN_TIME)
        assert self.listening is not None
        await self.listening
        return status

    async def stopped(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)
        assert await self.left() == 0, self.said
        assert self.processes() == {}

    async def refused(self) -> str:
        """Wait for it to give up; nothing of it is left. Returns the line that says why."""
        assert await self.left() == 1, self.said
        assert self.processes() == {}
        return self.refusal()

    def services(self) -> dict[str, int]:
        """Return the process of each service that was told ready, the newest."""
        lines = [json.loads(line) for line in self.said if line.startswith("{")]
        return {line["program"]: line["pid"] for line in lines if line["event"] == "ready"}

    @property
    def postgres(self) -> int:
        """The process of the database."""
        return int(self._lock_file()[0])

    @property
    def status(self) -> str | None:
        """What the database says of itself, once it says something."""
        lines = self._lock_file()
        return lines[7].strip() if len(lines) > 7 else None

    def _lock_file(self) -> list[str]:
        try:
            return (self.home / "postgres" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []

    @property
    def settings(self) -> dict[str, Any]:
        return tomllib.loads((self.home / "glimpse.toml").read_text())

    def processes(self) -> dict[int, str]:
        """Return everything else that lives for this data directory, with its command line."""
        home, found = os.fsencode(self.home), {}
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                line = (folder / "cmdline").read_bytes()
                belongs = home in line or b"GLIMPSE_UP=" + home in (folder / "environ").read_bytes().split(b"\0")
                if belongs and int(folder.name) != self.process.pid:
                    found[int(folder.name)] = line.replace(b"\0", b" ").decode()
        return found

    @contextlib.asynccontextmanager
    async def connected(self) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
        connection = await asyncpg.connect(self.settings["postgres"]["dsn"], timeout=10)
        try:
            yield connection
        finally:
            await connection.close()


@pytest.fixture
async def start() -> AsyncIterator[Callable[..., Any]]:
    """Start `glimpse up`: `await start(home, "section.name=value", api="stubborn")`; all end with the test.

    The services are small ones, each with its manner; a tuple is given to the interpreter as it is.
    """
    started: list[Up] = []

    async def begin(home: Path, *assignments: str, prefix: Sequence[str] = (sys.executable,), **manners: Any) -> Up:
        up = await _begin(home, [*prefix, *arguments(home, assignments, manners)])
        started.append(up)
        return up

    yield begin
    for up in started:
        if up.process.returncode is None:
            up.process.kill()
            await up.process.wait()
        if up.listening is not None:
            up.listening.cancel()
        for pid in up.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


async def _begin(home: Path, argv: list[str]) -> Up:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GLIMPSE_")}
    process = await asyncio.create_subprocess_exec(
        *argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=environment, start_new_session=True, cwd="/"
    )
    up = Up(home, process)
    up.listening = asyncio.create_task(_listen(up))
    return up


async def _listen(up: Up) -> None:
    assert up.process.stdout is not None
    async for line in up.process.stdout:
        up.said.append(line.decode().rstrip("\n"))


def arguments(home: Path, assignments: Sequence[str], manners: Mapping[str, Any]) -> list[str]:
    services = {
        name: (SERVICE, manner) if isinstance(manner, str) else manner
        for name, manner in {"api": "steady", "importer": "steady", **manners}.items()
    }
    return ["-c", PROGRAM, json.dumps([str(home), services, ["api.port=0", *assignments]])]


@pytest.fixture(scope="session")
def made() -> Iterator[Path]:
    """A data directory with a database in it, as a first start leaves it; to be copied."""
    with place() as folder:
        argv = [sys.executable, *arguments(folder / "data", (), {})]
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as up:
            assert up.stdout is not None
            assert any("Glimpse is ready" in line for line in up.stdout)
            up.send_signal(signal.SIGTERM)
        yield folder / "data"


@pytest.fixture
def as_nobody() -> Sequence[str]:
    """How an interpreter is started as an ordinary user, by root."""
    if os.geteuid() != 0:
        pytest.skip("only root has another user to be")
    nobody = Account("nobody", 65534, 65534)
    mine = Path(sys.executable)
    machine = Path(f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
    found = next((python for python in (mine, machine) if not nobody.barred_from(python)), None)
    packages = Path(pytest.__file__).parents[1]
    if found is None or nobody.barred_from(packages) or nobody.barred_from(Path(SERVICE).parent):
        pytest.skip("what is tested is for root alone on this machine")
    path = f"PYTHONPATH={Path(glimpse.__file__).parents[1]}:{packages}"
    return ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", path, str(found)]


@pytest.fixture
def nowhere() -> Iterator[Path]:
    """Where a data directory may be made; every user may look in."""
    with place() as folder:
        yield folder / "data"


@pytest.fixture
def home(made: Path, nowhere: Path) -> Path:
    """A data directory that was used before."""
    subprocess.run(["cp", "-a", "--reflink=auto", made, nowhere], check=True)
    return nowhere


@contextlib.contextmanager
def place() -> Iterator[Path]:
    memory = Path("/dev/shm")  # what a disk does when it is slow is not the question here
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    folder = Path(tempfile.mkdtemp(prefix="glimpse-up-", dir=memory if roomy else None))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening.getsockname()[1]
