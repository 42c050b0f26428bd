"""Connections: accepted one at a time from the socket that all workers share, served, and drained at the end."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import structlog
from aiohttp import web

from services.api.door import Door

log = structlog.get_logger()

LARGEST_FIELD = 64 * 1024
"""Bytes of one header field, or of the request line: tokens and catalogues are large (AC-46)."""
KEEPALIVE_SECONDS = 75.0


@contextlib.asynccontextmanager
async def serving(door: Door, listening: socket.socket, drain_seconds: float) -> AsyncIterator[None]:
    """Serve while the block lasts; afterwards take nobody new in, and let transfers end for a while."""
    server = web.Server(
        door.open,
        access_log=None,  # the door writes its own
        auto_decompress=False,  # bytes are kept as they come (IMG-96)
        keepalive_timeout=KEEPALIVE_SECONDS,
        max_line_size=LARGEST_FIELD,
        max_field_size=LARGEST_FIELD,
    )
    loop = asyncio.get_running_loop()
    accepting = set[asyncio.Task[None]]()

    def accept() -> None:
        try:
            connection, _peer = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another worker was quicker, or the client went
            return
        except OSError as error:  # out of descriptors, most likely: those who are served must go on
            log.warning("can not accept a connection", reason=str(error))
            return
        connection.setblocking(False)
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = loop.create_task(_serve(server, connection))
        accepting.add(task)
        task.add_done_callback(accepting.discard)

    loop.add_reader(listening, accept)  # one at a time: the next one may be another worker's
    try:
        yield
    finally:
        loop.remove_reader(listening)
        if accepting:
            await asyncio.wait(accepting)
        server.pre_shutdown()
        await server.shutdown(drain_seconds)


async def _serve(server: web.Server, connection: socket.socket) -> None:
    try:
        await asyncio.get_running_loop().connect_accepted_socket(server, connection)
    except OSError:
        connection.close()
