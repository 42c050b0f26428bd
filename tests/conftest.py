"""The few fixtures everyone may use: a private Postgres cluster, and a fresh database in it as Glimpse opens it."""

import asyncio
import contextlib
import gc
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import structlog
import uvloop
from pydantic import SecretStr
from structlog._config import BoundLoggerLazyProxy

from glimpse import settings
from glimpse.database import migrate
from glimpse.database.pool import Database

pytest_plugins = [
    "tests.fixtures.kafka",
    "tests.fixtures.keystone",
    "tests.fixtures.processes",
    "tests.fixtures.provider",
    "tests.fixtures.up",
]

TEMPLATE = "glimpse_template"

# Tracebacks without the values of variables: those are large enough to look like a hang, and may be secrets.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
    ]
)


LOGS = structlog.get_config()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown() -> None:
    """Log as before when a test has run a command in this process, which configured its own log: that is closed now."""
    if structlog.get_config()["logger_factory"] is LOGS["logger_factory"]:
        return
    structlog.configure(**LOGS)
    structlog.contextvars.clear_contextvars()
    for each in gc.get_objects():
        if type(each) is BoundLoggerLazyProxy:
            vars(each).pop("bind", None)  # loggers are cached as they are first used


def pytest_asyncio_loop_factories(config: pytest.Config, item: pytest.Item) -> dict[str, Any]:
    """Run tests on the loop that the services run on."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def cluster() -> Iterator[str]:
    """A private Postgres for this worker; yields a DSN that only lacks the name of a database."""
    home = Path(tempfile.mkdtemp(prefix="glimpse-pg-"))
    as_user = _unprivileged()
    if as_user:
        os.chown(home, as_user["user"], as_user["group"])
    binaries, port = _binaries(), _free_port()
    run: dict[str, Any] = {"cwd": home, "env": {"PATH": f"{binaries}:/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, **as_user}
    initdb = [binaries / "initdb", "-D", home / "data", "-U", "glimpse", "-A", "trust", "-E", "UTF8", "--no-sync"]
    subprocess.run(initdb, check=True, capture_output=True, **run)
    options = {
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": home,
        "fsync": "off",  # a test that needs durability runs a cluster of its own
        "max_connections": 200,
    }
    argv = [binaries / "postgres", "-D", home / "data", *(f"--{name}={value}" for name, value in options.items())]
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(argv, stdout=log, stderr=subprocess.STDOUT, **run)
    try:
        dsn = f"postgresql://glimpse@127.0.0.1:{port}"
        asyncio.run(_make_template(dsn, home / "data", server))
        yield dsn
    finally:
        server.send_signal(2)  # a fast shutdown: whoever is connected is cut off
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def fresh_database(cluster: str) -> Callable[[], contextlib.AbstractAsyncContextManager[str]]:
    """Make a database with Glimpse's schema that is gone afterwards: `async with fresh_database() as dsn`."""

    @contextlib.asynccontextmanager
    async def made() -> AsyncIterator[str]:
        name = f"t{os.urandom(6).hex()}"
        connection = await asyncpg.connect(f"{cluster}/postgres")
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY FILE_COPY")  # the quick one
        try:
            yield f"{cluster}/{name}"
        finally:
            await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            await connection.close()

    return made


@pytest.fixture
async def dsn(fresh_database: Callable[[], contextlib.AbstractAsyncContextManager[str]]) -> AsyncIterator[str]:
    """A fresh database with Glimpse's schema."""
    async with fresh_database() as made:
        yield made


@pytest.fixture
async def database(dsn: str) -> AsyncIterator[Database]:
    """That database, as Glimpse opens it."""
    opened = await Database.open(settings.Postgres(dsn=SecretStr(dsn)))
    try:
        yield opened
    finally:
        await opened.close()


def _binaries() -> Path:
    """Return the folder that has initdb and postgres: the newest of the machine's own."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("postgres")
    if on_path is None:
        pytest.exit("these tests need Postgres: install the package `postgresql` (`make setup` does, as root)", 3)
    return Path(on_path).resolve().parent


def _unprivileged() -> dict[str, Any]:
    """Return how to start a program that refuses to run as root."""
    if os.getuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            user = pwd.getpwnam(name)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    pytest.exit("these tests need a user that is not root to run Postgres as", 3)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def _make_template(dsn: str, data: Path, server: "subprocess.Popen[bytes]") -> None:
    connection = await _connect(f"{dsn}/postgres", server)
    assert Path(await connection.fetchval("SHOW data_directory")) == data  # ours, not another one on this port
    await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    await connection.close()
    await migrate.upgrade(f"{dsn}/{TEMPLATE}")


async def _connect(dsn: str, server: "subprocess.Popen[bytes]") -> "asyncpg.Connection[asyncpg.Record]":
    async with asyncio.timeout(30):
        while True:
            assert server.poll() is None, "Postgres did not start"
            try:
                return await asyncpg.connect(dsn, timeout=5)
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.02)  # not up yet; the time-out above ends this
