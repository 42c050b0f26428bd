"""What is asked of the identity service: with a token of our own, which is renewed before it ends (AC-62)."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import aiohttp
import orjson
import structlog

from glimpse import settings
from glimpse.errors import Invalid, Unavailable
from glimpse.keystone import own
from glimpse.keystone.own import Grant

log = structlog.get_logger()

CONNECTIONS = 20
ROUNDS = 3
"""How often something is asked when it is our own token that is not taken."""
FIRST_PAUSE_SECONDS = 0.05


@contextlib.asynccontextmanager
async def opened(rules: settings.Auth) -> AsyncIterator["Wire"]:
    """Open connections to the identity service that the settings name; it need not be there yet. Raises Invalid."""
    try:
        trusted = ssl.create_default_context(cafile=rules.keystone_ca_file)
    except OSError as error:  # of what is no certificate, too
        raise Invalid(f"can not read auth.keystone_ca_file {rules.keystone_ca_file}: {error.strerror}") from None
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=CONNECTIONS, ssl=trusted),
        timeout=aiohttp.ClientTimeout(total=rules.keystone_timeout_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": "glimpse"},
    ) as session:
        yield Wire(session, rules)


class Wire:
    """The identity service; whatever goes wrong on the way is an aiohttp.ClientError, an OSError or a ValueError."""

    def __init__(self, session: aiohttp.ClientSession, rules: settings.Auth) -> None:
        self._session, self._rules = session, rules
        self._own: Grant | None = None
        self._renewing = asyncio.Lock()

    async def get(
        self,
        path: str,
        query: Mapping[str, str],
        fields: Mapping[str, str] | None = None,
        *,
        require: Callable[[], None] = lambda: None,
    ) -> tuple[int, bytes]:
        """Ask; returns status and body. `require` may raise when others have failed while we waited for a token.

        Raises Unavailable where it does not let us ask.
        """
        for _round in range(ROUNDS):
            grant = await self._grant(require)
            told = {"X-Auth-Token": grant.text, **(fields or {})}
            status, body, _headers = await self._ask("GET", f"{grant.endpoint}{path}", told, params=query)
            if status != 401:  # else it is ours that is not taken: a token that we ask about has a 404 of its own
                return status, body
            self._forget(grant)
        raise Unavailable("it does not take the tokens that it gives us")

    async def services(self) -> Mapping[str, str]:
        """Return the ids of the services in its catalogue, by their types. Raises Unavailable."""
        return (await self._grant(lambda: None)).services

    async def _grant(self, require: Callable[[], None]) -> Grant:
        """Return a token of our own, renewed before it ends; one renewal at a time."""
        if self._own is not None and not self._own.is_due():
            return self._own
        async with self._renewing:
            require()
            if self._own is None:
                self._own = await self._new_one()
            elif self._own.is_due():
                self._own = await self._renewed(self._own)
            return self._own

    async def _renewed(self, old: Grant) -> Grant:
        try:
            return await self._new_one()
        except (aiohttp.ClientError, OSError, Unavailable) as error:
            if old.is_over():
                raise
            log.warning("own token is not renewed yet", reason=type(error).__name__)
            return old.later()

    async def _new_one(self) -> Grant:
        url, asked_at = own.versioned(self._rules.keystone_url or ""), time.monotonic()
        status, body, headers = await self._ask("POST", f"{url}/auth/tokens", {}, json=own.request(self._rules))
        if status == 401:
            raise Unavailable("it refuses us: look at auth.keystone_username, and the password that goes with it")
        if status != 201:
            raise Unavailable(f"it answers {status} when we ask for a token of our own")
        return own.granted(headers.get("X-Subject-Token"), orjson.loads(body), asked_at, self._rules)

    def _forget(self, grant: Grant) -> None:
        if self._own is grant:
            self._own = None

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], **more: Any
    ) -> tuple[int, bytes, Mapping[str, str]]:
        """Make a request; a connection that can not be made is tried again, an answer that is late is not."""
        for pause in (FIRST_PAUSE_SECONDS * 2**number for number in range(self._rules.keystone_connect_retries)):
            with contextlib.suppress(aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError):
                return await self._once(method, url, headers, **more)
            await asyncio.sleep(pause)
        return await self._once(method, url, headers, **more)

    async def _once(
        self, method: str, url: str, headers: Mapping[str, str], **more: Any
    ) -> tuple[int, bytes, Mapping[str, str]]:
        # redirects are not followed: what we show here is shown to nobody else
        async with self._session.request(method, url, headers=headers, allow_redirects=False, **more) as answer:
            return answer.status, await answer.read(), answer.headers
