"""Glimpse as a user starts it: `glimpse up` in a directory of its own, with all three services."""

import contextlib
import functools
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import pytest

GLIMPSE = [sys.executable, "-m", "glimpse.cli"]


@dataclass
class Answer:
    """What came back."""

    status: int
    headers: Any
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Glimpse:
    """A running Glimpse, and how to speak to it."""

    url: str
    data: Path
    process: "subprocess.Popen[bytes]"
    log: Path
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def config(self) -> Path:
        return self.data / "glimpse.toml"

    @property
    def dsn(self) -> str:
        return str(tomllib.loads(self.config.read_text())["postgres"]["dsn"])

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Make a request; a body that is no bytes is sent as JSON."""
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"{self.url}{path}", method=method, data=content, headers=named)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as refused:
            return Answer(refused.code, refused.headers, refused.read())

    def create(self, **members: Any) -> dict[str, Any]:
        answer = self.ask("POST", "/v2/images", {"disk_format": "raw", "container_format": "bare"} | members)
        assert answer.status == 201, answer.content
        image: dict[str, Any] = answer.json
        return image

    def show(self, image_id: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/v2/images/{image_id}")
        assert answer.status == 200, answer.content
        image: dict[str, Any] = answer.json
        return image

    def wait(self, image_id: str, is_done: Callable[[dict[str, Any]], bool], seconds: float = 60) -> dict[str, Any]:
        """Look at an image until it is as wanted."""
        return until(lambda: image if is_done(image := self.show(image_id)) else None, seconds, self.tail)

    def until(self, look: Callable[[], Any], seconds: float = 60) -> Any:
        """Look again and again until there is something to see."""
        return until(look, seconds, self.tail)

    def wait_for_show(self, image_id: str) -> dict[str, Any]:
        """Wait until an image is to be seen; returns it."""
        self.until(lambda: self.ask("GET", f"/v2/images/{image_id}").status == 200)
        return self.show(image_id)

    def run(self, *words: str, check: bool = True) -> str:
        """Run `glimpse ...` with this one's settings."""
        said = subprocess.run([*GLIMPSE, *words], capture_output=True, text=True, timeout=60, env=self.surroundings)
        assert not check or said.returncode == 0, said.stderr
        return said.stdout

    @property
    def surroundings(self) -> dict[str, str]:
        return {**os.environ, "GLIMPSE_CONFIG": str(self.config), "GLIMPSE_URL": self.url, **self.environment}

    def events(self, image_id: str) -> list[dict[str, Any]]:
        """Return what was told of an image, as subscribers see it."""
        said = self.run("events", "tail", "--image", image_id, "--json", "--no-follow")
        return [json.loads(line) for line in said.splitlines()]

    def facts(self, image_id: str) -> list[str]:
        """Return the names of what was told of an image."""
        return [each["type"].removeprefix("io.glimpse.image.").removesuffix(".v1") for each in self.events(image_id)]

    async def query(self, statement: str, *arguments: Any) -> list[dict[str, Any]]:
        """Ask the database."""
        connection = await asyncpg.connect(self.dsn)
        try:
            return [dict(row) for row in await connection.fetch(statement, *arguments)]
        finally:
            await connection.close()

    def files(self, store: str) -> list[Path]:
        """Return the files that a store holds."""
        paths = tomllib.loads(self.config.read_text())["stores"][store]["paths"]
        roots = [Path(each["path"]) for each in paths]
        return [path for root in roots for path in root.rglob("*") if path.is_file() and path.name != ".glimpse-store"]

    def tail(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])


def until(look: Callable[[], Any], seconds: float, why: Callable[[], str]) -> Any:
    """Look again and again until there is something to see."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, why()
        time.sleep(0.02)  # between two looks; the deadline ends this
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def up(folder: Path, *words: str) -> Iterator[Glimpse]:
    """Run `glimpse up` in a folder until the block ends; then nothing of it is left running."""
    port, log = free_port(), folder / "log"
    argv = [*GLIMPSE, "up", "--data-dir", str(folder / "data"), "--port", str(port), *words]
    with log.open("ab") as file:
        process = subprocess.Popen(argv, stdout=file, stderr=subprocess.STDOUT)
    glimpse = Glimpse(f"http://127.0.0.1:{port}", folder / "data", process, log)

    def is_ready() -> bool:
        assert process.poll() is None, glimpse.tail()
        with contextlib.suppress(OSError):
            return glimpse.ask("GET", "/readyz").status == 200
        return False

    try:
        until(is_ready, 60, glimpse.tail)
        yield glimpse
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


@pytest.fixture(scope="session")
def start() -> Any:
    """Run `glimpse up`: `with start(folder, "--set", "...") as glimpse`."""
    return up


@pytest.fixture(scope="session")
def roomy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that other users can reach: Postgres never runs as root."""
    folder = tmp_path_factory.mktemp("glimpse")
    for each in (folder, *folder.parents):
        if each.owner() == Path.home().owner() and each.is_relative_to("/tmp"):
            with contextlib.suppress(PermissionError):
                each.chmod(each.stat().st_mode | 0o055)
    return folder


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A web server on loopback: its address, and the folder that it serves."""
    folder = tmp_path_factory.mktemp("web")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", folder
        server.shutdown()
        thread.join()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files, and says nothing."""

    def log_message(self, *_arguments: Any) -> None:
        pass
