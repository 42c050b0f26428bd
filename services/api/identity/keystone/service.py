"""Identity v3 on the wire: what it says of a token, asked with a token of our own (AC-62, AC-64)."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import orjson
import structlog

from glimpse import settings
from glimpse.errors import Invalid, Unavailable
from services.api.identity.keystone import own, tokens
from services.api.identity.keystone.own import Grant
from services.api.identity.keystone.tokens import Token
from services.api.identity.patience import Patience

log = structlog.get_logger()

CONNECTIONS = 20
ROUNDS = 3
"""How often a token is asked about when it is our own one that is not taken."""
FIRST_PAUSE_SECONDS = 0.05
AWAY = frozenset({429, 502, 503, 504})
"""Statuses that say nothing of the token that is asked about: with another one it would be the same."""


@contextlib.asynccontextmanager
async def opened(rules: settings.Auth) -> AsyncIterator["Service"]:
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
        yield Service(session, rules)


class Service:
    """The identity service."""

    def __init__(self, session: aiohttp.ClientSession, rules: settings.Auth) -> None:
        self._session, self._rules = session, rules
        self._patience = Patience(rules.keystone_timeout_seconds)
        self._own: Grant | None = None
        self._renewing = asyncio.Lock()

    async def token(self, text: str, *, allow_expired: bool) -> Token | None:
        """Return what a token says; None for one that is unknown, revoked, or over. Raises Unavailable."""
        began = self._patience.began()
        try:
            status, body = await self._asked(text, began, allow_expired=allow_expired)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a timeout is an OSError
            raise self._patience.failed(began, type(error).__name__) from None  # its text may say too much
        except Unavailable as error:
            raise self._patience.failed(began, error.message) from None
        if status in AWAY:
            raise self._patience.failed(began, f"it answers {status}")
        self._patience.answered()
        return None if status == 404 else _read(status, body)

    async def look(self) -> None:
        """Raise Unavailable unless it is there and lets us ask: about a token that there is none of."""
        try:
            status, _body = await self._asked("none", time.monotonic(), allow_expired=False)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{self._rules.keystone_url} can not be reached: {type(error).__name__}") from None
        if status != 404:
            raise Unavailable(f"it answers {status} when it is asked about a token")

    async def _asked(self, text: str, began: float, *, allow_expired: bool) -> tuple[int, bytes]:
        asked = {"nocatalog": not self._rules.keystone_catalogue, "allow_expired": allow_expired}
        query = {name: "1" for name, is_asked in asked.items() if is_asked}
        for _round in range(ROUNDS):
            grant = await self._grant(began)
            fields = {"X-Auth-Token": grant.text, "X-Subject-Token": text, "OpenStack-Identity-Access-Rules": "1"}
            status, body, _headers = await self._ask("GET", f"{grant.endpoint}/auth/tokens", fields, params=query)
            if status == 401:  # it is ours that is not taken: the token we ask about has a 404 of its own
                self._forget(grant)
                continue
            return status, body
        raise Unavailable("it does not take the tokens that it gives us")

    async def _grant(self, began: float) -> Grant:
        """Return a token of our own, renewed before it ends; one renewal at a time."""
        if self._own is not None and not self._own.is_due():
            return self._own
        async with self._renewing:
            self._patience.require_still(began)
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


def _read(status: int, body: bytes) -> Token | None:
    """Read an answer about a token. Raises Unavailable for one that says nothing about it."""
    if status != 200:
        raise Unavailable(f"it answers {status} when it is asked about a token")
    try:
        return tokens.parsed(orjson.loads(body))
    except Invalid as error:
        log.warning("token is not understood", reason=error.message)
        return None
