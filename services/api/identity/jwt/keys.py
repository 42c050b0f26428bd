"""The keys that an OpenID provider signs with: fetched, remembered for a while, and fetched again when they change."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

import aiohttp
import jwt
import orjson
import structlog
from jwt.exceptions import PyJWTError

from glimpse import settings
from glimpse.errors import Invalid, Unavailable
from services.api.identity.patience import Patience

log = structlog.get_logger()

FAMILIES: Mapping[str, tuple[str, str | None]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""The type and the curve of the keys of an algorithm; none of them is a secret that both sides have."""
LEAST_RSA_BITS = 2048
KEYS = 64
"""How many are kept as they are used: to make one of what the provider says takes longer than to use it."""
AGAIN_SECONDS = 5.0
"""So long after a look nobody looks again for a key that is not known."""
MOMENT_SECONDS = 0.5
"""How long whoever finds that keys are due for a look waits for what the provider says."""
LONGEST_SECONDS = 3600.0
"""Keys that could not be looked at for so long are believed no more."""


@contextlib.asynccontextmanager
async def opened(rules: settings.Auth) -> AsyncIterator["Keys"]:
    """Open connections to the provider that the settings name; it need not be there yet. Raises Invalid."""
    try:
        trusted = ssl.create_default_context(cafile=rules.jwt_ca_file)
    except OSError as error:
        raise Invalid(f"can not read auth.jwt_ca_file {rules.jwt_ca_file}: {error.strerror}") from None
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=trusted),
        timeout=aiohttp.ClientTimeout(total=rules.jwt_timeout_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"Accept": "application/json", "User-Agent": "glimpse"},
    ) as session:
        keys = Keys(session, rules)
        try:
            yield keys
        finally:
            await keys.close()


class Keys:
    """The keys of one provider."""

    def __init__(self, session: aiohttp.ClientSession, rules: settings.Auth) -> None:
        self._session, self._rules = session, rules
        self._patience = Patience(rules.jwt_timeout_seconds)
        self._looking = asyncio.Lock()
        self._anew: asyncio.Task[None] | None = None
        self._found: list[Mapping[str, Any]] = []
        self._made: Callable[[str, str | None], jwt.PyJWK | None] = lambda _algorithm, _key_id: None
        self._looked_at = -LONGEST_SECONDS

    async def key(self, algorithm: str, key_id: str | None) -> jwt.PyJWK | None:
        """Return the key that a token says it is signed with; None where there is no such one. Raises Unavailable.

        It is the same object as long as the provider says the same of it.
        """
        if self._age() > LONGEST_SECONDS:
            await self._look(time.monotonic())
        elif self._age() > self._rules.jwt_keys_seconds:
            await self._look_for_a_moment()
        found = self._made(algorithm, key_id)
        if found is None and self._age() > AGAIN_SECONDS:  # the provider may have a new one
            await self._look(time.monotonic())
            found = self._made(algorithm, key_id)
        return found

    async def look(self) -> None:
        """Raise Unavailable unless the provider says what its keys are."""
        try:
            await self._fetch()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise Unavailable(f"{self._rules.jwt_issuer} does not say what its keys are: {error!r}") from None

    async def close(self) -> None:
        """Look no more."""
        if self._anew is not None:
            self._anew.cancel()
            await asyncio.wait([self._anew])

    def _age(self) -> float:
        return time.monotonic() - self._looked_at

    async def _look_for_a_moment(self) -> None:
        """Look at the keys; when that fails or takes long, those that are known do for a while.

        One asks for all, and goes on when nobody waits any more: whoever comes meanwhile does not wait at all.
        """
        if self._anew is not None or not self._patience.may_begin():
            return
        self._anew = asyncio.create_task(self._look_anew(), name="the provider's keys")
        await asyncio.wait([self._anew], timeout=MOMENT_SECONDS)

    async def _look_anew(self) -> None:
        try:
            await self._look(time.monotonic())
        except Unavailable as error:
            log.warning("keys are kept", reason=error.message)
        finally:
            self._anew = None

    async def _look(self, wanted_at: float) -> None:
        """Look at the keys, one at a time. Raises Unavailable."""
        async with self._looking:
            if self._looked_at <= wanted_at:
                self._patience.require_still(wanted_at)
                await self._look_once()

    async def _look_once(self) -> None:
        began = self._patience.began()
        try:
            await self._fetch()
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise self._patience.failed(began, type(error).__name__) from None
        self._patience.answered()

    async def _fetch(self) -> None:
        found = (await self._get(self._rules.jwt_jwks_url or await self._discovered())).get("keys")
        if not isinstance(found, list):
            raise ValueError("it has no list of keys")
        found = [key for key in found if isinstance(key, dict)]
        if found != self._found:
            self._found = found
            self._made = lru_cache(maxsize=KEYS)(lambda algorithm, key_id: fitting(found, algorithm, key_id))
        self._looked_at = time.monotonic()

    async def _discovered(self) -> str:
        """Return where the provider says that its keys are, if it is the one that we mean."""
        issuer = self._rules.jwt_issuer or ""
        document = await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        url = document.get("jwks_uri")
        if document.get("issuer") != issuer or not isinstance(url, str):
            raise ValueError("it is another one, or has no keys")
        return url

    async def _get(self, url: str) -> dict[str, Any]:
        async with self._session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:
                raise ValueError(f"it answers {answer.status}")
            found = orjson.loads(await answer.read())
        if not isinstance(found, dict):
            raise ValueError("it answers with no object")
        return found


def fitting(keys: Iterable[Mapping[str, Any]], algorithm: str, key_id: str | None) -> jwt.PyJWK | None:
    """Return the one key that can have signed this; a token that names none must leave no doubt."""
    kind, curve = FAMILIES[algorithm]
    found = [
        key
        for key in keys
        if (key_id is None or key.get("kid") == key_id)
        and key.get("kty") == kind
        and (curve is None or key.get("crv") == curve)
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
    ]
    if len(found) != 1:
        return None
    try:
        key = jwt.PyJWK(dict(found[0]), algorithm)
    except PyJWTError as error:
        log.warning("a key is not understood", reason=type(error).__name__, key=str(key_id))
        return None
    return None if kind == "RSA" and key.key.key_size < LEAST_RSA_BITS else key
