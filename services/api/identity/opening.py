"""Which way of knowing who asks a deployment has: one table."""

import contextlib
from collections.abc import AsyncIterator

from glimpse import settings
from glimpse.errors import Invalid
from services.api.identity import static
from services.api.identity.headers import Named
from services.api.identity.identity import Identity
from services.api.identity.keystone import keystone
from services.api.identity.none import Everybody


@contextlib.asynccontextmanager
async def opened(rules: settings.Auth) -> AsyncIterator[Identity]:
    """Open what is needed to know who asks, and close it again. Raises Invalid."""
    match rules.mode:
        case "none":
            yield Everybody(rules)
        case "headers":
            yield Named(rules)
        case "keystone":
            async with keystone.opened(rules) as asked:
                yield asked
        case "jwt":
            async with _signed(rules) as signed:
                yield signed
        case "static":
            yield static.opened(rules)


def _signed(rules: settings.Auth) -> contextlib.AbstractAsyncContextManager[Identity]:
    """Raises Invalid where what looks at signatures is not installed: not everybody needs it."""
    try:
        from services.api.identity.jwt import jwt
    except ImportError:
        raise Invalid("auth.mode is jwt, which needs PyJWT: install glimpse[jwt]") from None
    return jwt.opened(rules)
