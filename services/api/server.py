"""Connections: accepted one at a time from the socket that all workers share, served, and drained at the end."""

import asyncio
import contextlib
import errno
import re
import socket
from collections.abc import AsyncIterator
from typing import Any

import structlog
from aiohttp import http_exceptions, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD, StreamReader
from aiohttp.web_protocol import RequestPayloadError, _ErrInfo, _RequestHandler

from services.api import answers, bodies
from services.api.door import Door

log = structlog.get_logger()

LARGEST_FIELD = 64 * 1024
"""Bytes of one header field, or of the request line: tokens and catalogues are large (AC-46)."""
REQUEST_LINE = re.compile(r"b'[!-~]+ /\S* HTTP/1\.[01]'")
"""In what the parser says about a method that it does not know."""
KEEPALIVE_SECONDS = 75.0
EXHAUSTED_SECONDS = 0.5
"""How long nobody is let in after the process ran out of descriptors."""
ON_ITS_WAY_SECONDS = 0.1
"""How long requests that were sent a moment ago may take to arrive."""
GIVING_BACK_SECONDS = 5.0
"""How long handlers that were cut off may take to leave everything in order."""


@contextlib.asynccontextmanager
async def serving(door: Door, listening: socket.socket, drain_seconds: float) -> AsyncIterator[None]:
    """Serve while the block lasts; afterwards take nobody new in, and let requests end for a while."""
    serving = _Serving(door, listening)
    serving.begin()
    try:
        yield
    finally:
        await serving.drain(drain_seconds)


class _Serving:
    """Everything that is connected, and what is being answered."""

    def __init__(self, door: Door, listening: socket.socket) -> None:
        self._door, self._listening = door, listening
        self._loop = asyncio.get_running_loop()
        self._entering = set[asyncio.Task[None]]()
        self._answering = set[asyncio.Task[None]]()
        self._cut_off = set[asyncio.Task[None]]()
        self._draining = False
        self._server = _Server(
            self._answer,
            door.ports.settings.api.idle_seconds,
            access_log=None,  # the door writes its own
            auto_decompress=False,  # bytes are kept as they come (IMG-96)
            keepalive_timeout=KEEPALIVE_SECONDS,
            max_line_size=LARGEST_FIELD,
            max_field_size=LARGEST_FIELD,
        )

    def begin(self) -> None:
        """Let clients in."""
        self._loop.add_reader(self._listening, self._accept)

    def _accept(self) -> bool:
        """Let one client in: the next one may be another worker's. Says whether there was one."""
        try:
            connection, _peer = self._listening.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another worker was quicker, or the client went
            return False
        except OSError as error:
            self._loop.remove_reader(self._listening)
            if error.errno != errno.EINVAL:  # that is: nobody listens any more
                log.warning("can not accept connections for a while", reason=error.strerror)
                self._loop.call_later(EXHAUSTED_SECONDS, self._accept_again)
            return False
        connection.setblocking(False)
        task = self._loop.create_task(self._enter(connection))
        self._entering.add(task)
        task.add_done_callback(self._entering.discard)
        return True

    def _accept_again(self) -> None:
        if not self._draining:
            self.begin()

    async def _enter(self, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._server, connection)
        except OSError:
            connection.close()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None, "requests are answered in tasks"
        self._answering.add(task)  # until the answer has been written, too
        task.add_done_callback(self._answering.discard)
        try:
            answer = await self._door.open(request)
        except asyncio.CancelledError:
            if task not in self._cut_off or request.writer.output_size:  # half an answer can not become another
                raise
            answer = self._door.stopping(request)
        finally:
            assert isinstance(request.protocol, _Connection), "we make them"
            request.protocol.body_is_read = False
        if self._draining:
            answer.force_close()
        return answer

    async def drain(self, seconds: float) -> None:
        """Let in who has knocked already, end what is idle, wait for the others, and cut them off in the end."""
        self._draining = True
        while self._accept():
            pass
        self._loop.remove_reader(self._listening)
        if self._entering:
            await asyncio.wait(self._entering)
        await asyncio.sleep(ON_ITS_WAY_SECONDS)
        for connection in self._server.connections:
            assert isinstance(connection, _Connection), "we make them"
            connection.end_if_idle()
        if self._answering:
            await asyncio.wait(self._answering, timeout=seconds)
        if self._answering:
            log.warning("requests are cut off", requests=len(self._answering))
            self._cut_off = set(self._answering)
            for task in self._cut_off:
                task.cancel()
            await asyncio.wait(self._answering, timeout=GIVING_BACK_SECONDS)
        await self._server.shutdown(ON_ITS_WAY_SECONDS)


class _Server(web.Server):
    """Makes our connections."""

    def __init__(self, answer: _RequestHandler, idle_seconds: float, **options: Any) -> None:
        super().__init__(answer, request_factory=self._request, **options)
        self._idle_seconds = idle_seconds

    def __call__(self) -> "_Connection":
        return _Connection(self, loop=self._loop, idle_seconds=self._idle_seconds, **self._kwargs)

    def _request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        assert isinstance(protocol, _Connection), "we make them"
        protocol.body, protocol.body_is_read = payload, True
        request = web.BaseRequest(message, payload, protocol, writer, task, self._loop)
        request[bodies.IDLE_SECONDS] = self._idle_seconds
        return request


class _Connection(web.RequestHandler):
    """A connection of aiohttp's, with what it lacks."""

    body = EMPTY_PAYLOAD
    """That of the request which is being answered."""
    body_is_read = False
    """Whether somebody may still want it: what comes behind the answer is thrown away, however it ends."""
    _impatience: asyncio.TimerHandle | None = None

    def __init__(self, server: _Server, *, idle_seconds: float, **options: Any) -> None:
        super().__init__(server, **options)
        self._idle_seconds = idle_seconds

    def pause_writing(self) -> None:
        """Hold back what is to be sent, and leave a client that takes nothing for too long."""
        super().pause_writing()
        self._be_patient()

    def resume_writing(self) -> None:
        """Go on."""
        self._end_impatience()
        super().resume_writing()

    def connection_lost(self, exc: BaseException | None) -> None:
        """Clear up."""
        self._end_impatience()
        super().connection_lost(exc)

    def _be_patient(self) -> None:
        assert self.transport is not None, "only open connections are paused"
        left = self.transport.get_write_buffer_size()
        self._impatience = self._loop.call_later(self._idle_seconds, self._look_again, left)

    def _look_again(self, before: int) -> None:
        if self.transport is None:
            return
        if self.transport.get_write_buffer_size() < before:  # slowly, but it takes
            self._be_patient()
            return
        log.info("a client is left that takes nothing", seconds=self._idle_seconds)
        self.transport.abort()

    def _end_impatience(self) -> None:
        if self._impatience is not None:
            self._impatience.cancel()
            self._impatience = None

    def data_received(self, data: bytes) -> None:
        """Take bytes. When they break the framing of a body, whoever reads that body is told, and answers for it."""
        super().data_received(data)
        if (
            self._messages
            and isinstance(self._messages[-1][0], _ErrInfo)
            and self._end_body("is not framed as HTTP has it")
        ):
            self._messages.pop()

    def eof_received(self) -> bool:  # type: ignore[override]  # asyncio asks whether to stay open
        """Answer a client that ends its side in the middle of a body; others have said all they had to say."""
        return self._end_body("ended before all of it had come")

    def _end_body(self, why: str) -> bool:
        """Tell whoever reads a body that no more of it comes; say whether there was one. It is the last of all."""
        for body in (self.body, *(body for _message, body in self._messages)):
            if not body.is_eof():  # at most one: nothing is read behind it
                if body is not self.body or self.body_is_read:
                    body.set_exception(RequestPayloadError(f"the body {why}"))
                body.feed_eof()
                self.close()
                return True
        return False

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no request; a stranger's mistake is one line in the log, where aiohttp writes a traceback."""
        if isinstance(exc, ConnectionError):
            raise exc  # whoever went away while it was answered is told nothing, and is no mistake of ours
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        if isinstance(exc, http_exceptions.LineTooLong):
            status, message = 431, f"the request line, or a header field, has more than {LARGEST_FIELD} bytes"
        elif isinstance(exc, http_exceptions.BadHttpMethod) and REQUEST_LINE.search(exc.message):  # else mere rubbish
            status, message = 501, "The server does not know this method."
        log.info("no request", remote=request.remote, status=status)
        answer = answers.refusal(status, message or "this is no request", None)
        answer.force_close()
        return answer

    def end_if_idle(self) -> None:
        """Close unless a request is being answered."""
        if self._waiter is not None and not self._waiter.done():
            self.force_close()
