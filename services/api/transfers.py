"""Bytes to a client: the kernel copies them from a file where there is one, else they are read and written on.

uvloop has no sendfile, so we call it ourselves, in threads, on a connection whose buffer is empty. Only quick clients
are waited for in a thread; the others cost a descriptor until their socket takes more. What breaks after the headers
ends the connection: a part must never look whole.
"""

import asyncio
import contextlib
import os
import select
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter

from glimpse.errors import GlimpseError, StoreError
from glimpse.stores.store import Store, told
from services.api import bodies

T = TypeVar("T")

log = structlog.get_logger()

THREADS = ThreadPoolExecutor(max_workers=16, thread_name_prefix="sendfile")
TURN = 64 * 1024 * 1024
PATIENCE_SECONDS = 0.05
"""Bytes, and seconds, after which a quick client lets others have its thread."""
QUICK = 64 * 1024 * 1024
"""Bytes a second; whoever takes fewer is waited for without a thread."""


async def send(
    request: web.BaseRequest, response: web.StreamResponse, store: Store, key: str, first: int, length: int
) -> None:
    """Send a part of a copy as the body of a response whose Content-Length is set.

    Raises StoreError when the copy can not be opened; ConnectionError when the client goes, or the copy breaks off.
    """
    file = None if _is_encrypted(request) or response.compression else await _opened(store, key)
    try:
        writer = await response.prepare(request)
        assert writer is not None, "the response is prepared once"
        if file is None:
            async with contextlib.aclosing(store.read(key, first, length)) as chunks:  # type: ignore[type-var]  # a generator
                async for chunk in chunks:
                    await response.write(chunk)
        elif length:
            await _send_file(request, writer, file, first, length)
        await response.write_eof()
    except BaseException as error:
        if request.transport is not None:
            request.transport.abort()
        if isinstance(error, GlimpseError | EOFError | OSError) and not isinstance(error, ConnectionError):
            log.error("a download broke", store=store.name, key=told(key), reason=str(error))
            raise ConnectionResetError("the answer broke off") from error
        raise
    finally:
        if file is not None:
            os.close(file)


def _is_encrypted(request: web.BaseRequest) -> bool:
    return bool(request.transport is not None and request.transport.get_extra_info("sslcontext"))


async def _opened(store: Store, key: str) -> int | None:
    """Open the file of a copy, where it is in one. Raises StoreError."""
    opening = asyncio.get_running_loop().run_in_executor(THREADS, _open, store, key)
    try:
        return await asyncio.shield(opening)
    except OSError as error:
        raise StoreError(f"store {store.name} can not open {key}: {error.strerror}") from error
    except asyncio.CancelledError:
        await asyncio.wait([opening])
        if opening.exception() is None and (file := opening.result()) is not None:
            os.close(file)
        raise


def _open(store: Store, key: str) -> int | None:
    path = store.local_path(key)
    return None if path is None else os.open(path, os.O_RDONLY | os.O_CLOEXEC)


async def _send_file(
    request: web.BaseRequest, writer: AbstractStreamWriter, file: int, first: int, length: int
) -> None:
    transport = _transport(request)
    await _emptied(transport, writer)
    client: socket.socket = transport.get_extra_info("socket")
    connection = os.dup(client.fileno())  # ours: the loop keeps the original to itself
    try:
        patience, left = PATIENCE_SECONDS, length
        while left:
            began = time.monotonic()
            sent = await _in_thread(_copy, connection, file, first + length - left, min(left, TURN), patience)
            left -= sent
            if left and sent < TURN:
                await _writable(connection, request[bodies.IDLE_SECONDS])
                if transport.is_closing():
                    raise ConnectionResetError("the client is gone")
            patience = PATIENCE_SECONDS if sent >= QUICK * (time.monotonic() - began) else 0
        writer.output_size += length
    finally:
        os.close(connection)


def _copy(connection: int, file: int, offset: int, count: int, patience: float) -> int:
    """Copy until all is sent, the client takes no more, or patience ends; returns how many bytes."""
    sent, until = 0, time.monotonic() + patience
    waiting = select.poll()
    waiting.register(connection, select.POLLOUT)
    while sent < count:
        try:
            copied = os.sendfile(connection, file, offset + sent, count - sent)
        except BlockingIOError:
            left = until - time.monotonic()
            if left <= 0 or not waiting.poll(left * 1000):
                return sent
            continue
        if copied == 0:
            raise EOFError("the file is shorter than its image")
        sent += copied
    return sent


async def _emptied(transport: asyncio.Transport, writer: AbstractStreamWriter) -> None:
    """Send the headers, and wait until everything has left for the kernel: what follows goes past the transport."""
    if transport.is_closing():
        raise ConnectionResetError("the client is gone")
    transport.set_write_buffer_limits(high=0)  # so that draining waits for the last byte
    writer.send_headers()
    await writer.drain()
    while not transport.is_closing() and transport.get_write_buffer_size():
        await asyncio.sleep(0)  # the loop writes at the end of its turn ...
        await writer.drain()  # ... and is waited for here when the client takes nothing
    if transport.is_closing():
        raise ConnectionResetError("the client is gone")
    transport.set_write_buffer_limits()


async def _writable(connection: int, patience: float) -> None:
    """Wait until a client takes more or is gone. Raises ConnectionAbortedError when it does neither for too long."""
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()
    loop.add_writer(connection, _settle, ready)
    try:
        async with asyncio.timeout(patience):
            await ready
    except TimeoutError:
        log.info("a client is left that takes nothing", seconds=patience)
        raise ConnectionAbortedError("the client takes nothing") from None
    finally:
        loop.remove_writer(connection)


def _settle(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)


async def _in_thread(work: Callable[..., T], *given: object) -> T:
    """Run in a thread, and outlive it when cancelled: it uses descriptors that are closed after us."""
    running = asyncio.get_running_loop().run_in_executor(THREADS, work, *given)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


def _transport(request: web.BaseRequest) -> asyncio.Transport:
    """Return the connection of a request. Raises ConnectionResetError when it is gone."""
    if request.transport is None:
        raise ConnectionResetError("the client is gone")
    return request.transport
