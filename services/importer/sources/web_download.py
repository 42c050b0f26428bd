"""web-download: bytes that another server has. Every hop of every request is checked, and a broken body is resumed.

Redirects are followed by hand. A body that breaks off goes on where it ended when the server names its version with a
strong validator (RFC 9110, 13.1.5); else the whole try begins again.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from ipaddress import ip_network
from typing import Any

import aiohttp
from yarl import URL

from glimpse import addresses, settings
from glimpse.errors import Invalid
from glimpse.guard import Guard, open_session
from services.importer.failures import (
    SOURCE_FORBIDDEN_ADDRESS,
    SOURCE_NOT_FOUND,
    SOURCE_REFUSED,
    SOURCE_UNREACHABLE,
    TOO_LARGE,
    ImportFailure,
)
from services.importer.ports import Ports
from services.importer.work import Source, Task

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MISSING = frozenset({404, 410})
PASSING = frozenset({408, 425, 429})
READ_SIZE = 256 * 1024
RESUMES = 5
"""How often in a row a body may break off without one more byte."""
RESUME_SECONDS = 0.5
EVERYWHERE = (ip_network("0.0.0.0/0"), ip_network("::/0"))
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@contextlib.asynccontextmanager
async def web_download(ports: Ports, task: Task) -> AsyncIterator[Source]:
    """Lend what a URI, or the first of its mirrors that answers, gives (IMG-728)."""
    rules = ports.settings.import_
    guard = Guard(as_connected(rules))
    cap = ports.settings.images.size_cap_bytes
    async with (
        open_session(guard, rules, 2) as session,
        contextlib.aclosing(await _first(session, guard, rules, task)) as download,
        contextlib.aclosing(download.chunks()) as chunks,
    ):
        if download.total is not None and download.total > cap:
            raise ImportFailure(TOO_LARGE, f"the source has {download.total} bytes, and {cap} are allowed")
        yield Source(chunks, download.total)


def as_connected(rules: settings.Import) -> settings.Import:
    """Return the rules for connections: with a proxy, that is all we connect to, and names are its to look up."""
    if rules.proxy is None:
        return rules
    return rules.model_copy(update={"allowed_networks": EVERYWHERE, "disallowed_networks": ()})


async def _first(session: aiohttp.ClientSession, guard: Guard, rules: settings.Import, task: Task) -> "Download":
    method = task.asked["method"]
    uris = [method["uri"], *(method.get("mirrors") or [])]
    for uri in uris[:-1]:
        with contextlib.suppress(ImportFailure):
            return await Download.begin(session, guard, rules, uri)
    return await Download.begin(session, guard, rules, uris[-1])


class Unauthorized(ImportFailure):
    """The source does not take who asks, or wants to know."""


class Download:
    """One body, over as many connections as it takes."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        guard: Guard,
        rules: settings.Import,
        uri: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._session = session
        self._guard = guard
        self._rules = rules
        self._uri = uri
        self._headers = headers or {}
        self._response: aiohttp.ClientResponse | None = None
        self._validator: str | None = None
        self._seen = 0
        self.total: int | None = None
        """How many bytes the source says that it has."""

    @classmethod
    async def begin(
        cls,
        session: aiohttp.ClientSession,
        guard: Guard,
        rules: settings.Import,
        uri: str,
        headers: Mapping[str, str] | None = None,
    ) -> "Download":
        """Ask for the whole of it, with these header fields. Raises ImportFailure."""
        download = cls(session, guard, rules, uri, headers)
        response = await download.ask({})
        if response.status != 200:
            response.close()
            raise ImportFailure(SOURCE_REFUSED, f"the source answered {response.status} where 200 was expected")
        download._response = response
        download.total = response.content_length
        tag = response.headers.get("ETag", "")
        download._validator = tag if tag.startswith('"') else None  # a weak one does not name exact bytes
        return download

    async def aclose(self) -> None:
        """Hang up."""
        if self._response is not None:
            self._response.close()

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body to its announced end. Raises ImportFailure."""
        fruitless = 0
        while True:
            before = self._seen
            try:
                async for chunk in self._in_good_time(self._body()):
                    self._seen += len(chunk)
                    yield chunk
                break
            except (aiohttp.ClientError, TimeoutError, OSError):
                fruitless = 0 if self._seen > before else fruitless + 1
                await self._resume(fruitless)
        if self.total is not None and self._seen != self.total:
            raise ImportFailure(
                SOURCE_UNREACHABLE, f"the source sent {self._seen} of the {self.total} bytes it announced", passing=True
            )

    async def _in_good_time(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield on what comes. Raises ImportFailure when too little does, for as long as we wait for it."""
        waited, came = 0.0, 0
        while True:
            began = time.monotonic()
            if (chunk := await anext(body, None)) is None:
                return
            waited, came = waited + time.monotonic() - began, came + len(chunk)
            if waited >= self._rules.slow_seconds:
                if came < self._rules.min_bytes_per_second * waited:
                    raise ImportFailure(
                        SOURCE_UNREACHABLE,
                        f"the source sends fewer than {self._rules.min_bytes_per_second} bytes a second",
                        passing=True,
                    )
                waited, came = 0.0, 0
            yield chunk

    def _body(self) -> AsyncIterator[bytes]:
        assert self._response is not None, "the body is asked for first"
        return self._response.content.iter_chunked(READ_SIZE)

    async def _resume(self, fruitless: int) -> None:
        """Ask for the rest, until it comes. Raises ImportFailure when it can not be had."""
        await self.aclose()
        if self._validator is None or fruitless > RESUMES:
            raise self._broken()
        for again in range(fruitless, RESUMES + 1):
            await asyncio.sleep(RESUME_SECONDS * again)
            try:
                response = await self.ask({"Range": f"bytes={self._seen}-", "If-Range": self._validator})
            except ImportFailure as failure:
                if not failure.passing or again == RESUMES:
                    raise
                continue
            if not self._is_the_rest(response):
                response.close()
                raise self._broken()
            self._response = response
            return

    def _is_the_rest(self, response: aiohttp.ClientResponse) -> bool:
        told = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status != 206 or told is None or int(told[1]) != self._seen:
            return False
        return self.total is None or told[3] in ("*", str(self.total))

    def _broken(self) -> ImportFailure:
        of = "" if self.total is None else f" of {self.total}"
        return ImportFailure(
            SOURCE_UNREACHABLE, f"the connection to the source broke after {self._seen}{of} bytes", passing=True
        )

    async def ask(self, headers: dict[str, str]) -> aiohttp.ClientResponse:
        """Send a request and follow where it leads. Raises ImportFailure for all that gives no bytes."""
        uri = self._uri
        for _hop in range(self._rules.max_redirects + 1):
            response = await self._send(uri, headers)
            if response.status not in REDIRECTS:
                return _with_bytes(response)
            target = response.headers.get("Location")
            response.close()
            if not target:
                raise ImportFailure(SOURCE_REFUSED, "the source redirects without saying where to")
            uri = _joined(uri, target)
        raise ImportFailure(SOURCE_REFUSED, f"the source redirects more than {self._rules.max_redirects} times")

    async def _send(self, uri: str, headers: dict[str, str]) -> aiohttp.ClientResponse:
        try:
            addresses.check_uri(uri, self._rules)
        except Invalid as error:
            raise ImportFailure(SOURCE_FORBIDDEN_ADDRESS, f"the source can not be fetched: {error.message}") from None
        self._guard.refused = None
        proxy = self._rules.proxy.get_secret_value() if self._rules.proxy is not None else None
        try:
            return await self._session.get(
                URL(uri), headers={**self._headers, **headers}, allow_redirects=False, proxy=proxy
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unanswered(error) from error

    def _unanswered(self, error: Any) -> ImportFailure:
        if self._guard.refused is not None:
            return ImportFailure(SOURCE_FORBIDDEN_ADDRESS, f"the source can not be fetched: {self._guard.refused}")
        if isinstance(error, aiohttp.ClientSSLError):
            return ImportFailure(SOURCE_UNREACHABLE, "no trusted connection to the source: check its certificate")
        return ImportFailure(SOURCE_UNREACHABLE, "the source does not answer", passing=True)


def _with_bytes(response: aiohttp.ClientResponse) -> aiohttp.ClientResponse:
    """Return an answer that has a body to keep; raise ImportFailure for any other."""
    status, encoding = response.status, response.headers.get("Content-Encoding", "identity")
    if status in (200, 206) and encoding.lower() == "identity":
        return response
    response.close()
    if status in (200, 206):
        raise ImportFailure(SOURCE_REFUSED, f"the source sends its bytes encoded ({encoding}), though not asked to")
    if status == 401:
        raise Unauthorized(SOURCE_REFUSED, "the source wants to know who asks (it answered 401)")
    if status in MISSING:
        raise ImportFailure(SOURCE_NOT_FOUND, f"the source has no such file (it answered {status})")
    if status >= 500 or status in PASSING:
        raise ImportFailure(SOURCE_UNREACHABLE, f"the source can not answer now ({status})", passing=True)
    raise ImportFailure(SOURCE_REFUSED, f"the source refuses to give the file (it answered {status})")


def _joined(uri: str, target: str) -> str:
    try:
        here = URL(uri)
        there = here.join(URL(target))
    except ValueError:
        raise ImportFailure(SOURCE_REFUSED, "the source redirects to what is no URI") from None
    if here.scheme == "https" and there.scheme == "http":
        raise ImportFailure(SOURCE_REFUSED, "the source redirects from https to http")
    return str(there)
