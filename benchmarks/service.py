"""The Glimpse that is measured: what `glimpse up` starts, with nothing switched off that a user would have on."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Service:
    """A running Glimpse."""

    url: str
    port: int
    data: Path
    dsn: str
    process: "subprocess.Popen[bytes]"
    ready_after: float
    """Seconds from the command to the first answer."""


@contextlib.contextmanager
def running(*words: str, data: Path | None = None) -> Iterator[Service]:
    """Run `glimpse up` in a directory of its own (or in `data`, which stays), and stop it at the end."""
    with contextlib.ExitStack() as stack:
        if data is None:
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="glimpse-bench-")))
            data.chmod(0o755)  # Postgres runs as another user when we are root
            data = data / "data"
        port = free_port()
        began = time.monotonic()
        log = stack.enter_context(tempfile.TemporaryFile())
        process = subprocess.Popen(
            [sys.executable, "-m", "glimpse.cli", "up", "--data-dir", str(data), "--port", str(port), *words],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        try:
            _wait(f"http://127.0.0.1:{port}/readyz", process, log)
            settings = (data / "glimpse.toml").read_text()
            yield Service(
                url=f"http://127.0.0.1:{port}",
                port=port,
                data=data,
                dsn=_dsn_in(settings),
                process=process,
                ready_after=time.monotonic() - began,
            )
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def call(service: Service, method: str, path: str, body: object = None, **headers: str) -> object:
    """Make one call and return what its JSON answer holds."""
    request = urllib.request.Request(
        f"{service.url}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json", "Accept": "application/json", **headers},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        content = answer.read()
        return json.loads(content) if content else None


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(url: str, process: "subprocess.Popen[bytes]", log: object) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        if process.poll() is not None:
            break
        time.sleep(0.02)
    log.seek(0)  # type: ignore[attr-defined]
    raise SystemExit(f"glimpse up did not get ready:\n{log.read().decode()}")  # type: ignore[attr-defined]


def _dsn_in(settings: str) -> str:
    import tomllib

    return str(tomllib.loads(settings)["postgres"]["dsn"])
