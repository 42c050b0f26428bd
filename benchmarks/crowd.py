"""Two hundred people on slow lines send images, while others want their answers at once."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks import memory
from benchmarks.requests import Rate, load
from benchmarks.service import Service, call

PIECE = 4096
BYTES_PER_SECOND = 64 * 1024


@dataclass(frozen=True)
class Crowd:
    """What a show takes beside slow uploads, and what all of the API's processes then hold together."""

    uploads: int
    show: Rate
    api_pss_mebibytes: float


def measured(service: Service, image_id: str, uploads: int, seconds: int) -> Crowd:
    """Let so many uploads crawl, and ask for an image meanwhile."""
    with _crawling(service, uploads):
        rate = load(f"{service.url}/v2/images/{image_id}", 4, seconds)
        held = sum(process.pss for process in memory.processes(service) if process.name == "api")
    return Crowd(uploads, rate, round(held, 1))


@contextlib.contextmanager
def _crawling(service: Service, uploads: int) -> Iterator[None]:
    stop = threading.Event()
    with contextlib.ExitStack() as stack:
        lines = [stack.enter_context(_line(service)) for _ in range(uploads)]
        sender = threading.Thread(target=_send, args=(lines, stop))
        sender.start()
        try:
            time.sleep(2)  # every upload has begun, and its first pieces are under way
            yield
        finally:
            stop.set()
            sender.join()


def _line(service: Service) -> socket.socket:
    image = call(service, "POST", "/v2/images", {"disk_format": "raw", "container_format": "bare"})
    line = socket.create_connection(("127.0.0.1", service.port))
    head = f"PUT /v2/images/{image['id']}/file HTTP/1.1\r\nHost: 127.0.0.1\r\n"  # type: ignore[index]
    line.sendall(f"{head}Content-Type: application/octet-stream\r\nContent-Length: {2**30}\r\n\r\n".encode())
    return line


def _send(lines: list[socket.socket], stop: threading.Event) -> None:
    """Give every line a piece in its turn, so that each gets its 64 KiB in a second."""
    piece, turn = bytes(PIECE), PIECE / BYTES_PER_SECOND
    due = time.monotonic()
    while not stop.is_set():
        for line in lines:
            line.sendall(piece)
        due += turn
        time.sleep(max(0, due - time.monotonic()))
