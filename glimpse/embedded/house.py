"""`glimpse up`, top to bottom: a place, a database, its schema, the services; stopped in reverse order."""

import asyncio
import contextlib
import errno
import functools
import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog

from glimpse import doors, settings, telemetry
from glimpse.database import migrate
from glimpse.embedded import cluster, configuration, directory, keeper, leftovers, output, postgres, welcome
from glimpse.embedded.child import Farewell, Program
from glimpse.embedded.cluster import Cluster
from glimpse.embedded.directory import Directory
from glimpse.errors import Unavailable
from glimpse.settings import Settings
from glimpse.stores import catalog

log = structlog.get_logger()

Commands = Mapping[str, tuple[str, ...]]

SERVICES: Commands = {name: ("-P", "-m", "glimpse.cli", name) for name in ("api", "importer", "scrubber")}
"""What the interpreter is given, for each service; the settings file comes behind it."""
CHORES: Commands = {"metadefs": ("-P", "-m", "glimpse.cli", "metadefs", "fill")}
"""What is done once, beside the services."""
NO_CHORES: Commands = {}
SLOW_SECONDS = 15
STOP_SECONDS = 5
"""What a service may take to stop beyond the time for its transfers."""


@dataclass(frozen=True)
class House:
    """What was decided before anything is started."""

    home: Directory
    settings: Settings
    tree: Mapping[str, Any]
    """The same, as it is written to the file."""
    cluster: Cluster | None
    """Our own Postgres, or None where a database was named."""
    began: float


def run(
    data_dir: Path | None, stated: Mapping[str, Any], services: Commands = SERVICES, chores: Commands = NO_CHORES
) -> None:
    """Run everything in one place until asked to stop; chores once, when it is ready. Raises GlimpseError."""
    began = time.monotonic()
    home = Directory(Path(os.path.abspath(data_dir or directory.default())))
    tree = configuration.complete(home, stated)
    told = settings.validated(tree)
    doors.refuse_open_ones(told)
    telemetry.configure(told.log, "up")
    if not os.path.exists(home.path):  # nothing of ours can hold the port yet, and a refusal leaves nothing behind
        free_port(told.api.host, told.api.port)
    home.prepare()
    with home.locked():
        leftovers.end(home)
        for obstacle in catalog.obstacles(told):  # each service would say it, several times
            raise Unavailable(obstacle)
        tree = settings.merged(tree, {"api": {"port": free_port(told.api.host, told.api.port)}})
        named = tree.get("postgres", {}).get("dsn")
        place = cluster.found(home) if named is None or cluster.is_own(home, named) else None
        if place is not None:
            tree = settings.merged(tree, {"postgres": {"dsn": place.dsn}})
        house = House(home, settings.validated(tree), tree, place, began)
        asyncio.run(_until_told(functools.partial(_story, house, services, chores)))


def free_port(host: str, port: int) -> int:
    """Return the port that can be listened on; a free one where it is 0. Raises Unavailable when it is taken."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen()  # two may bind a port that nobody listens on
            return int(probe.getsockname()[1])
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            why = "is taken: stop what listens there, or choose another with --port"
        else:
            why = f"can not be listened on: {error.strerror}"
        raise Unavailable(f"port {port} of {host} {why}") from None


async def _story(house: House, services: Commands, chores: Commands, farewell: Farewell) -> None:
    if shutil.which("qemu-img") is None:
        log.warning("qemu-img is not here: imports that need a conversion will fail (apt-get install qemu-utils)")
    if house.cluster is not None and not house.cluster.data.exists():
        loading = asyncio.create_task(asyncio.to_thread(migrate.prepare))  # while the database is made
        loading.add_done_callback(lambda done: done.cancelled() or done.exception())
    async with _database(house, farewell) as server, _all_or_none() as group:
        await migrate.upgrade(house.settings.postgres.dsn.get_secret_value())
        configuration.write(house.home.settings, house.tree)
        ready = {name: asyncio.Event() for name in services}
        patience = house.settings.api.drain_seconds + STOP_SECONDS
        for name, words in services.items():
            group.create_task(keeper.keep(_program(house, name, words), ready[name], patience, farewell))
        if server is not None:
            group.create_task(server.keep())
        await _all_of(ready)
        with contextlib.suppress(OSError):  # whoever read the beginning need not read all of it
            text = welcome.text(house.home, house.settings, time.monotonic() - house.began)
            os.write(sys.stdout.fileno(), text.encode())
        for name, words in chores.items():
            chore = replace(_program(house, name, words), says_ready=False)
            group.create_task(keeper.see_through(chore, farewell))


@contextlib.asynccontextmanager
async def _database(house: House, farewell: Farewell) -> AsyncIterator[postgres.Server | None]:
    """Have a database: our own, or the one that was named and needs nobody."""
    if house.cluster is None:
        yield None
        return
    async with postgres.serving(house.cluster, house.settings, _dress(house, "postgres"), farewell) as server:
        yield server


@contextlib.asynccontextmanager
async def _all_or_none() -> AsyncIterator[asyncio.TaskGroup]:
    """Run tasks together; raise what the first one failed with, once all have ended."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


async def _all_of(ready: Mapping[str, asyncio.Event]) -> None:
    """Wait until every service is ready, and say for whom when it takes long."""
    waiting = [asyncio.create_task(event.wait()) for event in ready.values()]
    try:
        while not all(event.is_set() for event in ready.values()):
            await asyncio.wait(waiting, timeout=SLOW_SECONDS)
            missing = [name for name, event in ready.items() if not event.is_set()]
            if missing:
                log.warning("still starting", programs=missing)
    finally:
        for task in waiting:
            task.cancel()


async def _until_told(story: Callable[[Farewell], Coroutine[Any, Any, None]]) -> None:
    """Run the story until its end or a signal. The first signal ends it in order; another one hurries its end."""
    farewell = Farewell()
    running = asyncio.create_task(story(farewell))
    loop = asyncio.get_running_loop()

    def told() -> None:
        if farewell.begun.is_set():
            farewell.hurry.set()
        else:
            farewell.begun.set()
            running.cancel()
            log.info("stopping")  # the last thing: the terminal may be gone

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:  # nohup wants that
            loop.add_signal_handler(number, told)
    with contextlib.suppress(asyncio.CancelledError):
        await running


def _program(house: House, name: str, words: tuple[str, ...]) -> Program:
    # What the environment says is in the file already; laid over it again, it would beat the command line.
    kept = {variable: value for variable, value in os.environ.items() if not _is_setting(variable)}
    return Program(
        name,
        (sys.executable, *words, "--config", str(house.home.settings)),
        {**kept, leftovers.VARIABLE: str(house.home.path)},
        dress=_dress(house, name) if house.settings.log.format == "console" else output.as_they_are,
        says_ready=True,
    )


def _is_setting(variable: str) -> bool:
    return variable == "GLIMPSE_CONFIG" or (variable.upper().startswith("GLIMPSE_") and "__" in variable)


def _dress(house: House, name: str) -> output.Dress:
    return output.prefixed(name) if house.settings.log.format == "console" else output.as_json(name)
