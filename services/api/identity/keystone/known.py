"""Tokens that were found valid a short while ago: within it, nobody is asked again (AC-65, AC-66)."""

import asyncio
import contextlib
import hashlib
import time
from collections import OrderedDict

from glimpse.errors import GlimpseError
from services.api.identity.keystone.service import Service
from services.api.identity.keystone.tokens import Token

Key = tuple[bytes, bool]


class Known:
    """What is known of tokens: only of valid ones, by their digests, the oldest use forgotten first."""

    def __init__(self, service: Service, keep_seconds: float, most: int) -> None:
        self._service, self._keep_seconds, self._most = service, keep_seconds, most
        self._found = OrderedDict[bytes, tuple[Token, float]]()
        self._asking = dict[Key, asyncio.Task[Token | None]]()

    async def token(self, text: str, *, allow_expired: bool = False) -> Token | None:
        """Return what a token says; None where it is not valid, or over and that is not allowed. Raises Unavailable."""
        digest = hashlib.sha256(text.encode()).digest()
        token = self._remembered(digest)
        if token is None:
            token = await self._asked(text, digest, allow_expired=allow_expired)
        if token is None or (token.is_over(time.time()) and not allow_expired):
            return None
        return token

    async def look(self) -> None:
        """Raise Unavailable unless somebody is there to be asked."""
        await self._service.look()

    async def close(self) -> None:
        """Leave nothing running."""
        for asking in list(self._asking.values()):
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError, GlimpseError):
                await asking

    def _remembered(self, digest: bytes) -> Token | None:
        entry = self._found.get(digest)
        if entry is None:
            return None
        if entry[1] <= time.monotonic():
            del self._found[digest]
            return None
        self._found.move_to_end(digest)
        return entry[0]

    async def _asked(self, text: str, digest: bytes, *, allow_expired: bool) -> Token | None:
        """Ask once, however many want to know; it goes on when they leave."""
        key = (digest, allow_expired)
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.create_task(self._ask(text, digest, allow_expired=allow_expired), name="what a token says")
            self._asking[key] = asking
            asking.add_done_callback(lambda done: self._is_told(key, done))
        return await asyncio.shield(asking)

    async def _ask(self, text: str, digest: bytes, *, allow_expired: bool) -> Token | None:
        token = await self._service.token(text, allow_expired=allow_expired)
        if token is not None and self._keep_seconds > 0:
            self._found[digest] = (token, time.monotonic() + self._keep_seconds)
            self._found.move_to_end(digest)
            while len(self._found) > self._most:
                self._found.popitem(last=False)
        return token

    def _is_told(self, key: Key, done: asyncio.Task[Token | None]) -> None:
        self._asking.pop(key, None)
        if not done.cancelled():
            done.exception()  # those who wait raise it; when all of them have left, nobody need hear it
