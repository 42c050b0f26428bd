"""The life of our Postgres: what an earlier one left is put away, it is started, kept alive, and stopped last."""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import structlog

from glimpse.database import server
from glimpse.embedded import cluster
from glimpse.embedded.child import Child, Farewell, Program, first
from glimpse.embedded.cluster import Cluster
from glimpse.embedded.deaths import Deaths
from glimpse.embedded.output import Dress
from glimpse.errors import Unavailable
from glimpse.settings import Settings

log = structlog.get_logger()

LOOK_SECONDS = 0.02
SLOW_SECONDS = 5
PATIENCE_SECONDS = 30.0
LOUD = re.compile(rb"^(?:WARNING|FATAL|PANIC)|terminated by signal|could not")
STATUS_LINE = 7  # of postmaster.pid, counted from nought
LEFT_BEHIND = "is still in use"
LEFT_BEHIND_TRIES = 20

FAST = (signal.SIGINT, PATIENCE_SECONDS)
AT_ONCE = (signal.SIGQUIT, 5.0)
"""Without a last checkpoint: the next start recovers from the log."""


class Server:
    """The server process of a cluster."""

    def __init__(self, place: Cluster, settings: Settings, dress: Dress) -> None:
        self._place = place
        self._program = Program(
            "postgres",
            cluster.argv(place, settings),
            cluster.ENVIRONMENT,
            place.account,
            orphaned=signal.SIGINT,
            dress=lambda lines: _loud_ones(lines, dress),
            cwd="/",
        )
        self._child: Child | None = None
        self._served_since: float | None = None

    async def start(self) -> None:
        """Start it and wait until it serves, however long it recovers. Raises Unavailable."""
        for _again in range(LEFT_BEHIND_TRIES):
            await put_away(self._place)
            self._served_since, began = None, time.monotonic()
            self._child = child = await Child.start(self._program)
            await first(child.ended(), self._serves(child, began))
            if child.ready.is_set():
                self._served_since = time.monotonic()
                return
            await child.stop((), asyncio.Event())
            said = child.last_lines()
            if LEFT_BEHIND not in said:
                raise Unavailable(f"Postgres does not start: {cluster.why(said, self._place.data)}")
            await asyncio.sleep(LOOK_SECONDS * 10)  # processes of a killed one are on their way out
        raise Unavailable(f"processes of an earlier Postgres hold {self._place.data}: end them, and start again")

    async def _serves(self, child: Child, began: float) -> None:
        """Wait for what `pg_ctl --wait` waits for: no connection is tried before it can be had."""
        told = False
        while _status(self._place.data) != (child.pid, "ready"):
            await asyncio.sleep(LOOK_SECONDS)
            if not told and time.monotonic() - began > SLOW_SECONDS:
                told = True
                log.info("the database takes long to start: it may have to recover", folder=str(self._place.data))
        child.ready.set()

    async def keep(self) -> None:
        """Start it again whenever it dies; it never gives up, because it served once."""
        deaths = Deaths()
        while self._child is not None:
            status = await self._child.ended()
            served = 0 if self._served_since is None else time.monotonic() - self._served_since
            pause = deaths.another(served)
            said = cluster.why(self._child.last_lines(), self._place.data)
            log.error("Postgres died", status=status, said=said, again_in_seconds=pause)
            await asyncio.sleep(pause)
            with contextlib.suppress(Unavailable):
                await self.start()

    async def stop(self, hurry: asyncio.Event) -> None:
        """Let it end in order; who is in a hurry asks once more."""
        if self._child is not None:
            hurry.clear()
            await self._child.stop((FAST, AT_ONCE), hurry)


@contextlib.asynccontextmanager
async def serving(place: Cluster, settings: Settings, dress: Dress, farewell: Farewell) -> AsyncIterator[Server]:
    """Have the server of a cluster running, with our database in it."""
    started = Server(place, settings, dress)
    try:
        if await cluster.make(place):
            log.info("database made", folder=str(place.data), postgres=place.binaries.major)
        await started.start()
        await server.make_database(place.dsn_of("postgres"), str(place.data))
        yield started
    finally:
        farewell.begun.set()
        await started.stop(farewell.hurry)
        if place.socket != place.data:
            with contextlib.suppress(OSError):
                place.socket.rmdir()


async def put_away(place: Cluster) -> None:
    """Stop a Postgres that outlived who started it, and see that what a dead one wrote does not stop the next."""
    pid, _status_then = _status(place.data)
    if pid is not None and _serves_from(pid, place.data):
        log.warning("stopping a Postgres that was left behind", pid=pid)
        for wish, seconds in (FAST, AT_ONCE, (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, wish)
            if await _gone(pid, place.data, seconds):
                break
        else:
            raise Unavailable(f"process {pid}, a Postgres that serves {place.data}, can not be stopped")
    try:
        _disarm(place)
    except OSError as error:
        raise Unavailable(f"can not put away what a dead Postgres left in {place.data}: {error.strerror}") from None


def _disarm(place: Cluster) -> None:
    """Keep lock files of the dead from naming a process that has their number by now.

    Postgres would take it for a living server, if it is of the same user. The number of its own parent it passes over,
    and goes on to look whether the memory of the dead server is still in use; so the lock file gets ours.
    """
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (place.socket / name).unlink(missing_ok=True)
    path = place.data / "postmaster.pid"
    pid, _status_then = _status(place.data)
    if pid is None:
        path.unlink(missing_ok=True)  # empty: the machine went down while it was written
        return
    lines = path.read_bytes().splitlines(keepends=True)
    content = b"".join([b"%d\n" % os.getpid(), *lines[1:]])
    with path.open("r+b") as file:  # over what is there: a full disk has room for that
        file.write(content)
        file.truncate()


def _status(data: Path) -> tuple[int | None, str | None]:
    """Return the process that a data directory says it is served by, and how far that is."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
        return abs(int(lines[0])), lines[STATUS_LINE].strip() if len(lines) > STATUS_LINE else None
    except (FileNotFoundError, ValueError, IndexError):
        return None, None


def _serves_from(pid: int, data: Path) -> bool:
    """Say whether a process is a Postgres that was started on this data directory."""
    process = Path(f"/proc/{pid}")
    try:
        words = (process / "cmdline").read_bytes().split(b"\0")
        if not os.path.basename(words[0]).startswith(b"postgres"):
            return False
        return os.fsencode(data) in words or os.path.samefile(process / "cwd", data)
    except OSError:  # it is gone, or it is in a container with less rights than ours
        return False


async def _gone(pid: int, data: Path, seconds: float) -> bool:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while _serves_from(pid, data):
                await asyncio.sleep(LOOK_SECONDS)
            return True
    return False


def _loud_ones(lines: bytes, dress: Dress) -> bytes:
    """Show what an operator should see; all of it is kept for when it dies."""
    loud = [line + b"\n" for line in lines.split(b"\n") if LOUD.search(line)]
    return dress(b"".join(loud)) if loud else b""
