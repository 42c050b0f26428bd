"""One stream of bytes in, one out: Glimpse and its yardsticks, by the same client."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks import pattern
from benchmarks.service import Service, call, free_port


@dataclass(frozen=True)
class Stream:
    """How a transfer went."""

    megabytes_per_second: float
    cpu_seconds_per_gib: float
    """Of the processes that served it."""


def upload(service: Service, mebibytes: int) -> tuple[str, Stream]:
    """Send one image to Glimpse; its digests must be right. Returns the image's id, too."""
    image = call(service, "POST", "/v2/images", {"disk_format": "raw", "container_format": "bare"})
    path = f"/v2/images/{image['id']}/file"  # type: ignore[index]
    with _measured(_processes_of(service), mebibytes) as result:
        status, _body = _put(service.port, path, mebibytes)
    assert status == 204, status
    shown = call(service, "GET", f"/v2/images/{image['id']}")  # type: ignore[index]
    md5, sha512 = pattern.digests(mebibytes)
    assert (shown["checksum"], shown["os_hash_value"]) == (md5, sha512)  # type: ignore[index]
    return image["id"], result.stream  # type: ignore[index]


def bare_upload(folder: Path, mebibytes: int) -> Stream:
    """Send the same bytes to the bare server on the same disk."""
    with yardstick("upload", str(folder)) as (port, process):
        with _measured([process.pid], mebibytes) as result:
            status, body = _put(port, "/", mebibytes)
        assert status == 200
        assert tuple(body.decode().split()) == pattern.digests(mebibytes)
    return result.stream


def download(service: Service, image_id: str, mebibytes: int) -> Stream:
    """Fetch an image from Glimpse; every byte is compared."""
    with _measured(_processes_of(service), mebibytes) as result:
        _get(service.port, f"/v2/images/{image_id}/file", mebibytes)
    return result.stream


def bare_download(file: Path, mebibytes: int) -> Stream:
    """Fetch the same file from the bare server."""
    with yardstick("download", str(file)) as (port, process), _measured([process.pid], mebibytes) as result:
        _get(port, "/", mebibytes)
    return result.stream


def newest_image(service: Service) -> str:
    """Return the id of the image that was made last."""
    page = call(service, "GET", "/v2/images?limit=1")
    return str(page["images"][0]["id"])  # type: ignore[index]


def stored_file(service: Service, image_id: str) -> Path:
    """Return where the default store keeps an image."""
    configured = tomllib.loads((service.data / "glimpse.toml").read_text())
    folder = Path(configured["stores"]["fast"]["paths"][0]["path"])
    return next(path for path in folder.rglob("*") if image_id in str(path) and path.is_file())


def _put(port: int, path: str, mebibytes: int) -> tuple[int, bytes]:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = (
            f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/octet-stream\r\n"
            f"Content-Length: {mebibytes * pattern.BLOCK}\r\nConnection: close\r\n\r\n"
        )
        connection.sendall(head.encode())
        for index in range(mebibytes):
            connection.sendall(pattern.numbered(index))
        answer = b""
        while received := connection.recv(65536):
            answer += received
    head, _, body = answer.partition(b"\r\n\r\n")  # type: ignore[assignment]
    return int(answer.split(b" ", 2)[1]), body


def _get(port: int, path: str, mebibytes: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(4096)
        assert head.startswith(b"HTTP/1.1 200"), head
        rest = head.partition(b"\r\n\r\n")[2]
        buffer = memoryview(bytearray(pattern.BLOCK))
        buffer[: len(rest)] = rest
        filled = len(rest)
        for index in range(mebibytes):
            while filled < pattern.BLOCK:
                received = connection.recv_into(buffer[filled:])
                assert received, f"the answer ended in block {index}"
                filled += received
            assert buffer[:8] == index.to_bytes(8, "big")
            assert buffer[8:] == pattern.block()[8:], f"block {index} is not what was stored"
            filled = 0


class _Result:
    stream: Stream


@contextlib.contextmanager
def _measured(pids: list[int], mebibytes: int) -> Iterator[_Result]:
    result = _Result()
    pattern.digests(mebibytes)  # made before the clock runs
    cpu, began = _cpu_seconds(pids), time.monotonic()
    yield result
    elapsed = time.monotonic() - began
    result.stream = Stream(mebibytes * 1.048576 / elapsed, (_cpu_seconds(pids) - cpu) / mebibytes * 1024)


def _cpu_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def _processes_of(service: Service) -> list[int]:
    from benchmarks import memory

    return [process.pid for process in memory.processes(service) if process.name.startswith("api")]


@contextlib.contextmanager
def yardstick(name: str, *arguments: str) -> Iterator[tuple[int, "subprocess.Popen[bytes]"]]:
    """Run one of the bare servers; yields its port and its process."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.yardsticks", name, str(port), *arguments])
    try:
        _until_it_listens(port, process)
        yield port, process
    finally:
        process.kill()
        process.wait()


def _until_it_listens(port: int, process: "subprocess.Popen[bytes]") -> None:
    for _attempt in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        assert process.poll() is None
        time.sleep(0.01)
    raise SystemExit(json.dumps({"yardstick": "did not start"}))
