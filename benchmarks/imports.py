"""Imports against the sum of their parts, each alone in the same run: fetch, convert, a copy that hashes and syncs."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import service
from benchmarks.service import Service, call, free_port

CHUNK = 1024 * 1024
OPTIONS = (
    "import.convert_to=raw",
    'import.allowed_networks=["127.0.0.1/32"]',
    "import.allowed_ports=[]",
    "import.poll_seconds=0.1",
)


def measured(mebibytes: int) -> dict[str, Any] | str:
    """Import a disk by web-download and from staging, converted to raw; and do the parts by hand."""
    if shutil.which("qemu-img") is None:
        return "not measured: qemu-img is not installed"
    words = [word for option in OPTIONS for word in ("--set", option)]
    with tempfile.TemporaryDirectory(prefix="glimpse-bench-") as folder, service.running(*words) as glimpse:
        raw, disk = Path(folder) / "disk.raw", Path(folder) / "disk.qcow2"
        _write(raw, mebibytes)
        _convert("raw", raw, "qcow2", disk)
        with _serving(folder) as base:
            uri = f"{base}/{disk.name}"
            parts = {
                "curl": _seconds(lambda: subprocess.run(["curl", "-sSf", "-o", f"{folder}/fetched", uri], check=True)),
                "qemu-img convert": _seconds(lambda: _convert("qcow2", disk, "raw", Path(folder) / "converted")),
                "copy that hashes and syncs": _seconds(lambda: _hash_and_copy(raw, Path(folder) / "copied")),
            }
            downloaded = _imported(glimpse, {"name": "web-download", "uri": uri}, raw)
        image_id = _queued(glimpse)
        _stage(glimpse, image_id, disk)
        staged = _imported(glimpse, {"name": "glance-direct"}, raw, image_id)
    whole = sum(parts.values())
    return {
        "mebibytes": mebibytes,
        "parts, seconds": {name: round(each, 2) for name, each in parts.items()},
        "web-download, seconds": round(downloaded, 2),
        "web-download against the sum of the parts": round(downloaded / whole, 2),
        "staged, seconds": round(staged, 2),
        "staged against the sum without curl": round(staged / (whole - parts["curl"]), 2),
    }


def _queued(glimpse: Service) -> str:
    image: Any = call(glimpse, "POST", "/v2/images", {"disk_format": "qcow2", "container_format": "bare"})
    return str(image["id"])


def _stage(glimpse: Service, image_id: str, disk: Path) -> None:
    with disk.open("rb") as file:
        request = urllib.request.Request(
            f"{glimpse.url}/v2/images/{image_id}/stage",
            method="PUT",
            data=file,
            headers={"Content-Type": "application/octet-stream", "Content-Length": str(disk.stat().st_size)},
        )
        urllib.request.urlopen(request, timeout=600).close()


def _imported(glimpse: Service, method: dict[str, str], raw: Path, image_id: str | None = None) -> float:
    """Import, and return how long that took until the image was active; its digest must be right."""
    image_id = image_id or _queued(glimpse)
    began = time.monotonic()
    call(glimpse, "POST", f"/v2/images/{image_id}/import", {"method": method})
    while True:
        image: Any = call(glimpse, "GET", f"/v2/images/{image_id}")
        if image["status"] != "importing":
            break
        time.sleep(0.02)
    took = time.monotonic() - began
    assert image["status"] == "active", image
    with raw.open("rb") as file:
        assert image["os_hash_value"] == hashlib.file_digest(file, "sha512").hexdigest()
    return took


def _seconds(part: Callable[[], object]) -> float:
    began = time.monotonic()
    part()
    return time.monotonic() - began


def _write(raw: Path, mebibytes: int) -> None:
    with raw.open("wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(CHUNK))


def _convert(source_format: str, source: Path, target_format: str, target: Path) -> None:
    subprocess.run(["qemu-img", "convert", "-f", source_format, "-O", target_format, source, target], check=True)


def _hash_and_copy(source: Path, target: Path) -> None:
    """Read once, hash twice at the same time, write, sync: what keeping an image takes at least."""
    hashers = [hashlib.md5(usedforsecurity=False), hashlib.sha512()]
    with source.open("rb", buffering=0) as reading, target.open("wb", buffering=0) as writing:
        while chunk := reading.read(CHUNK):
            threads = [threading.Thread(target=hasher.update, args=(chunk,)) for hasher in hashers]
            for thread in threads:
                thread.start()
            writing.write(chunk)
            for thread in threads:
                thread.join()
        os.fsync(writing.fileno())


@contextlib.contextmanager
def _serving(folder: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "--directory", folder, str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5):
                break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()
