"""Callers are whom tokens name that the provider has signed for us."""

import contextlib
import hashlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import jwt
from aiohttp import web
from jwt.exceptions import PyJWTError

from glimpse import settings
from services.api.caller import Caller
from services.api.identity import callers
from services.api.identity.jwt import claims, keys
from services.api.identity.jwt.keys import Keys

REQUIRED = ["exp", "iss", "aud"]

TOKENS = 10_000
"""How many are remembered: to look at a signature takes longer than all else that is done to know who asks."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A token whose signature was found good."""

    claims: dict[str, Any]
    key: jwt.PyJWK
    until: float


@contextlib.asynccontextmanager
async def opened(rules: settings.Auth) -> AsyncIterator["Signed"]:
    """Open what is needed to look at tokens; the provider need not be there yet."""
    async with keys.opened(rules) as found:
        yield Signed(rules, found)


class Signed:
    """Callers show tokens, in the field that OAuth has for them or in those that OpenStack has."""

    challenge = 'Bearer realm="glimpse"'

    def __init__(self, rules: settings.Auth, found: Keys) -> None:
        self._rules, self._keys = rules, found
        self._seen = OrderedDict[bytes, Seen]()

    async def identify(self, request: web.BaseRequest, request_id: str) -> Caller:
        """Return who asks."""
        token = _token_of(request)
        header = _header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        # what a token says of its own algorithm is only a wish: never `none`, never a secret that both sides have
        if algorithm not in self._rules.jwt_algorithms or not isinstance(key_id, str | None):
            raise callers.unknown()
        key = await self._keys.key(algorithm, key_id)
        if key is None:
            raise callers.unknown()
        caller = claims.caller(self._seen_before(token, key, algorithm), self._rules, request_id)
        return callers.shown(caller, token)

    async def look(self) -> None:
        """Raise Unavailable unless the provider says what its keys are."""
        await self._keys.look()

    def _seen_before(self, token: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
        """Return the claims of a token; one that was looked at before is believed while its key is the same."""
        digest = hashlib.sha256(token.encode()).digest()
        seen = self._seen.pop(digest, None)
        if seen is None or seen.key is not key or seen.until <= time.time():
            found = self._claims(token, key, algorithm)
            seen = Seen(found, key, float(found["exp"]) + self._rules.jwt_leeway_seconds)
        self._seen[digest] = seen
        if len(self._seen) > TOKENS:
            self._seen.popitem(last=False)
        return seen.claims

    def _claims(self, token: str, key: jwt.PyJWK, algorithm: str) -> dict[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=self._rules.jwt_audience,
                issuer=self._rules.jwt_issuer,
                leeway=self._rules.jwt_leeway_seconds,
                options={"require": REQUIRED},
            )
        except (PyJWTError, ValueError, TypeError, RecursionError):  # of claims that are not of their types
            raise callers.unknown() from None


def _token_of(request: web.BaseRequest) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and callers.is_token(token.strip()):
        return token.strip()
    return callers.token_of(request)


def _header(token: str) -> dict[str, Any]:
    try:
        return jwt.get_unverified_header(token)
    except (PyJWTError, ValueError, TypeError, RecursionError):
        raise callers.unknown() from None
