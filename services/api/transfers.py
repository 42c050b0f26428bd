"""Bytes to a client: the kernel copies them from a file where there is one, else they are read and written on.

uvloop has no sendfile, so we call it ourselves, in threads, on a connection whose buffer is empty; a client that takes
nothing for a while holds no thread.
"""

import asyncio
import os
import select
import socket
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from glimpse.stores.store import Store

THREADS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="sendfile")
PATIENCE_MS = 50
"""How long a thread waits for a client that is not reading."""
TURN = 64 * 1024 * 1024
"""Bytes after which a quick client lets others have its thread."""


async def send(
    request: web.BaseRequest, response: web.StreamResponse, store: Store, key: str, first: int, length: int
) -> None:
    """Send a part of a copy as the body of a response whose Content-Length is set. Raises ConnectionError."""
    writer = await response.prepare(request)
    assert writer is not None, "the response is prepared once"
    path = await asyncio.to_thread(store.local_path, key)
    if path is None or request.transport is None or request.transport.get_extra_info("sslcontext"):
        await _send_chunks(response, store.read(key, first, length))
    elif length:
        await _send_file(request.transport, writer, path, first, length)
    await response.write_eof()


async def _send_chunks(response: web.StreamResponse, chunks: AsyncIterator[bytes]) -> None:
    async for chunk in chunks:
        await response.write(chunk)


async def _send_file(
    transport: asyncio.Transport, writer: AbstractStreamWriter, path: Path, first: int, length: int
) -> None:
    await _emptied(transport, writer)
    client: socket.socket | None = transport.get_extra_info("socket")
    if client is None or transport.is_closing():
        raise ConnectionResetError("the client is gone")
    connection = os.dup(client.fileno())  # ours: the loop keeps the original to itself
    loop = asyncio.get_running_loop()
    file = None
    try:
        file = await loop.run_in_executor(THREADS, os.open, path, os.O_RDONLY | os.O_CLOEXEC)
        while length:
            sent = await _in_thread(_copy, connection, file, first, min(length, TURN))
            first, length = first + sent, length - sent
            if length and not sent:
                await _writable(loop, connection)
                if transport.is_closing():
                    raise ConnectionResetError("the client is gone")
    except BaseException:
        transport.abort()  # what was announced can not be kept: never let it look whole
        raise
    finally:
        if file is not None:
            os.close(file)
        os.close(connection)


async def _in_thread(work: Callable[..., int], *given: int) -> int:
    """Run in a thread, and outlive it when cancelled: it uses descriptors that are closed after us."""
    running = asyncio.get_running_loop().run_in_executor(THREADS, work, *given)
    try:
        sent = await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
    return sent


def _copy(connection: int, file: int, offset: int, count: int) -> int:
    """Copy until all is sent, or until the client has taken nothing for a while; returns how many bytes."""
    sent = 0
    waiting = select.poll()
    waiting.register(connection, select.POLLOUT)
    while sent < count:
        try:
            copied = os.sendfile(connection, file, offset + sent, count - sent)
        except BlockingIOError:
            if not waiting.poll(PATIENCE_MS):
                return sent
            continue
        if copied == 0:
            raise EOFError("the file is shorter than its image")
        sent += copied
    return sent


async def _emptied(transport: asyncio.Transport, writer: AbstractStreamWriter) -> None:
    """Send the headers, and wait until everything has left for the kernel: what follows goes past the transport."""
    transport.set_write_buffer_limits(high=0)  # so that draining waits for the last byte
    try:
        writer.send_headers()
        await writer.drain()
        while transport.get_write_buffer_size() and not transport.is_closing():
            await asyncio.sleep(0)  # the loop writes at the end of its turn ...
            await writer.drain()  # ... and is waited for here when the client takes nothing
    finally:
        transport.set_write_buffer_limits()


async def _writable(loop: asyncio.AbstractEventLoop, connection: int) -> None:
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(connection, _settle, ready)
    try:
        await ready
    finally:
        loop.remove_writer(connection)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
