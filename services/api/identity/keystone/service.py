"""Identity v3 on the wire: what it says of a token, asked with a token of our own (AC-62, AC-64)."""

import contextlib
import time
from collections.abc import AsyncIterator

import aiohttp
import orjson
import structlog

from glimpse import settings
from glimpse.errors import Invalid, Unavailable
from glimpse.keystone import wire
from glimpse.keystone.wire import Wire
from services.api.identity.keystone import tokens
from services.api.identity.keystone.tokens import Token
from services.api.identity.patience import Patience

log = structlog.get_logger()

AWAY = frozenset({429, 502, 503, 504})
"""Statuses that say nothing of the token that is asked about: with another one it would be the same."""


@contextlib.asynccontextmanager
async def opened(rules: settings.Auth) -> AsyncIterator["Service"]:
    """Open connections to the identity service that the settings name; it need not be there yet. Raises Invalid."""
    async with wire.opened(rules) as found:
        yield Service(found, rules)


class Service:
    """The identity service."""

    def __init__(self, found: Wire, rules: settings.Auth) -> None:
        self._wire, self._rules = found, rules
        self._patience = Patience(rules.keystone_timeout_seconds)

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
        fields = {"X-Subject-Token": text, "OpenStack-Identity-Access-Rules": "1"}
        return await self._wire.get("/auth/tokens", query, fields, require=lambda: self._patience.require_still(began))


def _read(status: int, body: bytes) -> Token | None:
    """Read an answer about a token. Raises Unavailable for one that says nothing about it."""
    if status != 200:
        raise Unavailable(f"it answers {status} when it is asked about a token")
    try:
        return tokens.parsed(orjson.loads(body))
    except Invalid as error:
        log.warning("token is not understood", reason=error.message)
        return None
