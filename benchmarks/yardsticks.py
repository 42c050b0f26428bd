"""What the machine can do: the barest servers. Run one with `python -m benchmarks.yardsticks NAME PORT`.

Each does what it stands for as fast as it can, with the same durability as Glimpse, and nothing else.
"""

import hashlib
import os
import queue
import socket
import sys
import threading
from pathlib import Path

BUFFER = 1024 * 1024


def answer() -> None:
    """A bare aiohttp answer: the same size as a shown image, no work."""
    from aiohttp import web

    body = b'{"' + b"x" * 800 + b'": 1}'

    async def handler(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    application = web.Application()
    application.router.add_get("/{tail:.*}", handler)
    import uvloop

    uvloop.install()
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[2]), print=lambda *_: None, access_log=None)


def upload() -> None:
    """A socket, two hashing threads and a file that is written, synced and renamed."""
    folder = Path(sys.argv[3])
    for connection, length, already in _requests():
        digests = _receive(connection, length, already, folder / "upload")
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(digests)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + digests)
        connection.close()


def _receive(connection: socket.socket, length: int, already: bytes, target: Path) -> bytes:
    hashers = [_Hasher(hashlib.md5(usedforsecurity=False)), _Hasher(hashlib.sha512())]
    part = target.with_suffix(".part")
    with part.open("wb", buffering=0) as sink:
        left = length
        pending = already
        while left:
            buffer = bytearray(min(BUFFER, left))
            view, filled = memoryview(buffer), len(pending)
            view[:filled] = pending
            pending = b""
            while filled < len(buffer):
                got = connection.recv_into(view[filled:])
                if not got:
                    raise ConnectionError("the client went away")
                filled += got
            for hasher in hashers:
                hasher.feed(buffer)
            sink.write(buffer)
            left -= len(buffer)
        os.fsync(sink.fileno())
    os.rename(part, target)
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)
    return " ".join(hasher.finish() for hasher in hashers).encode()


class _Hasher:
    """One digest in a thread of its own."""

    def __init__(self, digest: "hashlib._Hash") -> None:
        self._digest = digest
        self._waiting: queue.Queue[bytearray | None] = queue.Queue(8)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while (chunk := self._waiting.get()) is not None:
            self._digest.update(chunk)

    def feed(self, chunk: bytearray) -> None:
        self._waiting.put(chunk)

    def finish(self) -> str:
        self._waiting.put(None)
        self._thread.join()
        return self._digest.hexdigest()


def download() -> None:
    """A bare sendfile."""
    path = Path(sys.argv[3])
    size = path.stat().st_size
    for connection, _length, _already in _requests():
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
        with path.open("rb") as source:
            offset = 0
            while offset < size:
                offset += os.sendfile(connection.fileno(), source.fileno(), offset, size - offset)
        connection.close()


def _requests():  # type: ignore[no-untyped-def]
    """Yield (connection, content length, first bytes of the body) for each request, one at a time."""
    listener = socket.create_server(("127.0.0.1", int(sys.argv[2])))
    while True:
        connection, _address = listener.accept()
        head = b""
        while b"\r\n\r\n" not in head:
            received = connection.recv(65536)
            if not received:
                break
            head += received
        else:
            head, _, body = head.partition(b"\r\n\r\n")
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            yield connection, int(lengths[0].split(b":")[1]) if lengths else 0, body
            continue
        connection.close()


if __name__ == "__main__":
    {"answer": answer, "upload": upload, "download": download}[sys.argv[1]]()
