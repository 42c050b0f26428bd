"""Bytes on other people's servers, read and never written. Their keys are URLs, guarded as web-download is.

Redirects are followed by hand, every hop of them checked, and connections made to allowed addresses only. No text that
leaves this page has a URL in it: what is behind the host may be a secret.
"""

import contextlib
import re
import time
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
from yarl import URL

from glimpse import addresses, settings
from glimpse.errors import Invalid, NotFound, StoreError
from glimpse.guard import Guard, open_session
from glimpse.stores.store import StoredObject

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MISSING = frozenset({404, 410})
NO_HEAD = frozenset({400, 403, 405, 501})
"""What servers answer that know only GET, or gave leave for only that, as signed URLs do."""
READ_SIZE = 256 * 1024
LONGEST = 2000
"""Bytes of a URL: so much an index takes."""
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class HttpStore:
    """A store of whatever can be fetched by http and https."""

    kind = "http"
    read_only = True

    def __init__(self, name: str, options: settings.Store, rules: settings.Import) -> None:
        self.name = name
        self.weight = options.weight
        self.description = options.description
        self._rules = rules

    def open(self) -> None:
        """Do nothing: there is nothing of ours anywhere."""

    def obstacles(self) -> Iterator[str]:
        """Say nothing: which servers answer is known when they are asked."""
        yield from ()

    def key_of(self, url: str) -> str | None:
        """See Store.key_of. Raises Invalid for a URL that no import could fetch from either."""
        if url.partition(":")[0].lower() not in addresses.FETCHED:
            return None
        if len(url.encode()) > LONGEST:
            raise Invalid(f"a location has at most {LONGEST} bytes")
        addresses.check_uri(url, self._rules)
        return url

    async def write(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Raise StoreError: nothing can be written here."""
        raise self._failed("only reads: name another store")

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See Store.read; of a server that knows no ranges, everything before the part is read and let go."""
        if length == 0:
            return
        async with self._asked("GET", key, _range(offset, length)) as response:
            skip, left = self._part(response, offset), length
            try:
                async for chunk in self._in_good_time(response.content.iter_chunked(READ_SIZE)):
                    part, skip = chunk[skip:], max(0, skip - len(chunk))
                    part = part if left is None else part[:left]
                    left = None if left is None else left - len(part)
                    if part:
                        yield part
                    if left == 0:
                        return
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise self._failed("the connection broke before all bytes had come") from error
        if left:
            raise self._failed("its server holds less than was asked for")

    async def size(self, key: str) -> int | None:
        """See Store.size: what a HEAD says, or a GET where that is not known. Raises StoreError when neither does."""
        try:
            for method in ("HEAD", "GET"):
                async with self._asked(method, key, {}) as response:
                    if response.status not in NO_HEAD and response.content_length is not None:
                        return response.content_length
        except NotFound:
            return None
        raise self._failed("its server does not say how large the bytes are")

    async def delete(self, key: str) -> None:
        """Do nothing: the bytes are not ours."""

    async def list_objects(self) -> AsyncIterator[StoredObject]:
        """Yield nothing: none of it is ours."""
        nothing: tuple[StoredObject, ...] = ()
        for stored in nothing:
            yield stored

    async def check(self) -> None:
        """Do nothing: a server that is away is its images' trouble, and nobody else's."""

    async def free_bytes(self) -> int | None:
        """See Store.free_bytes."""
        return None

    def url(self, key: str) -> str:
        """See Store.url."""
        return key

    def local_path(self, key: str) -> Path | None:
        """See Store.local_path."""
        return None

    def properties(self) -> dict[str, Any]:
        """See Store.properties (IMG-576)."""
        return {}

    @contextlib.asynccontextmanager
    async def _asked(self, method: str, key: str, headers: dict[str, str]) -> AsyncIterator[aiohttp.ClientResponse]:
        """Lend the answer to a request, redirects followed. Raises NotFound, StoreError."""
        guard = Guard(self._rules)
        async with open_session(guard, self._rules, 1) as session:
            uri = key
            for _hop in range(self._rules.max_redirects + 1):
                async with await self._sent(session, guard, method, uri, headers) as response:
                    if response.status not in REDIRECTS:
                        self._check(response, method)
                        yield response
                        return
                    uri = self._joined(uri, response.headers.get("Location", ""))
            raise self._failed(f"its server redirects more than {self._rules.max_redirects} times")

    async def _sent(
        self, session: aiohttp.ClientSession, guard: Guard, method: str, uri: str, headers: dict[str, str]
    ) -> aiohttp.ClientResponse:
        try:
            addresses.check_uri(uri, self._rules)
        except Invalid as error:
            raise self._failed(error.message) from None
        try:
            return await session.request(method, URL(uri), headers=headers, allow_redirects=False)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._failed(guard.refused or "its server does not answer") from (None if guard.refused else error)

    def _check(self, response: aiohttp.ClientResponse, method: str) -> None:
        """Raise NotFound or StoreError for an answer that gives no bytes; a HEAD may be asked again as a GET."""
        if response.status in MISSING:
            raise NotFound(f"store {self.name} has no such bytes: their server answers {response.status}")
        if method == "HEAD" and response.status in NO_HEAD:
            return
        if response.status not in (200, 206):
            raise self._failed(f"its server answers {response.status}")
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise self._failed("its server sends the bytes encoded, though not asked to")

    async def _in_good_time(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Yield on what comes. Raises StoreError when too little does, for as long as we wait for it."""
        waited, came, least = 0.0, 0, self._rules.min_bytes_per_second
        while True:
            began = time.monotonic()
            if (chunk := await anext(body, None)) is None:
                return
            waited, came = waited + time.monotonic() - began, came + len(chunk)
            if waited >= self._rules.slow_seconds:
                if came < least * waited:
                    raise self._failed(f"its server sends fewer than {least} bytes a second")
                waited, came = 0.0, 0
            yield chunk

    def _part(self, response: aiohttp.ClientResponse, offset: int) -> int:
        """Return how many bytes of an answer come before the part that was asked for."""
        if response.status != 206:
            return offset
        told = CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if told is None or int(told[1]) != offset:
            raise self._failed("its server sends another part than it was asked for")
        return 0

    def _joined(self, uri: str, target: str) -> str:
        try:
            here = URL(uri)
            there = here.join(URL(target))
        except ValueError:
            raise self._failed("its server redirects to what is no URI") from None
        if not target or (here.scheme == "https" and there.scheme == "http"):
            raise self._failed("its server redirects to nowhere, or from https to http")
        return str(there)

    def _failed(self, why: str) -> StoreError:
        return StoreError(f"store {self.name}: {why}")


def _range(offset: int, length: int | None) -> dict[str, str]:
    if offset == 0 and length is None:
        return {}
    return {"Range": f"bytes={offset}-{'' if length is None else offset + length - 1}"}
