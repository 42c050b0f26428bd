"""One API as a process of its own, for OpenStack's own clients; everybody is the administrator there."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from tests.conftest import TEMPLATE
from tests.fixtures.keystone import Keystone
from tests.fixtures.up import free_port

CONFIG = """
default_store = "fast"

[postgres]
dsn = "{dsn}"

[api]
port = {port}
workers = 1

[auth]
none_project = "local"
none_user = "me"

[stores.fast]
paths = [{{path = "{folder}/fast"}}]
description = "quick disks"

[stores.cheap]
paths = [{{path = "{folder}/cheap"}}]

[staging]
paths = [{{path = "{folder}/staging"}}]
"""
NAME = "compat"


@pytest.fixture(scope="session")
def url(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an API listens, with the stores `fast` and `cheap`, Glimpse's definitions, and no importer."""
    folder = tmp_path_factory.mktemp("api")
    asyncio.run(_execute(cluster, f"CREATE DATABASE {NAME} TEMPLATE {TEMPLATE}"))
    port, config = free_port(), folder / "glimpse.toml"
    config.write_text(CONFIG.format(dsn=f"{cluster}/{NAME}", port=port, folder=folder))
    filling = [sys.executable, "-m", "glimpse.cli", "metadefs", "fill", "--config", str(config)]
    subprocess.run(filling, check=True, capture_output=True, timeout=60)
    with started(config, folder / "log"):
        yield f"http://127.0.0.1:{port}"
    asyncio.run(_execute(cluster, f"DROP DATABASE {NAME} WITH (FORCE)"))


@pytest.fixture(scope="module")
def known_to_keystone(cluster: str, keystone: Keystone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an API listens that asks the identity service about tokens, and stands in its catalogue."""
    folder, name = tmp_path_factory.mktemp("api"), "compat_keystone"
    asyncio.run(_execute(cluster, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    port, config = free_port(), folder / "glimpse.toml"
    text = CONFIG.format(dsn=f"{cluster}/{name}", port=port, folder=folder)
    rules = "\n".join(f"{name} = {json.dumps(value)}" for name, value in keystone.settings.items())
    config.write_text(text.replace("[auth]\n", f"[auth]\n{rules}\n"))
    with started(config, folder / "log"):
        keystone.point_at(f"http://127.0.0.1:{port}")
        yield f"http://127.0.0.1:{port}"
    asyncio.run(_execute(cluster, f"DROP DATABASE {name} WITH (FORCE)"))


@contextlib.contextmanager
def started(config: Path, log: Path) -> Iterator[None]:
    """Run `glimpse api` until the block ends."""
    reading, writing = os.pipe()
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "glimpse.cli", "api", "--config", str(config)],
            stdout=file,
            stderr=subprocess.STDOUT,
            pass_fds=[writing],
            env={**os.environ, "GLIMPSE_READY_FD": str(writing)},
        )
    os.close(writing)
    try:
        assert os.read(reading, 6) == b"ready\n", log.read_text()  # nothing at all when the process has died
        yield
    finally:
        os.close(reading)
        process.terminate()
        assert process.wait(30) == 0, log.read_text()


async def _execute(cluster: str, statement: str) -> None:
    connection = await asyncpg.connect(f"{cluster}/postgres")
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
