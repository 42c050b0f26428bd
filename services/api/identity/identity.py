"""The port: what every way of knowing who asks promises."""

from typing import Protocol

from aiohttp import web

from services.api.caller import Caller


class Identity(Protocol):
    """A way of knowing who asks."""

    challenge: str
    """What a 401 says about how to be known: the field WWW-Authenticate (IMG-106)."""

    async def identify(self, request: web.BaseRequest, request_id: str) -> Caller:
        """Return who asks.

        Raises Unauthenticated when that can not be told, Unavailable when whoever knows it does not answer. What the
        client says of itself in identity headers is not believed, but by the mode that is there for it.
        """
        ...

    async def look(self) -> None:
        """Raise Unavailable where whoever knows who asks can not be asked."""
        ...
