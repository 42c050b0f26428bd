"""Which way of knowing who asks a deployment has: one table."""

import contextlib
from collections.abc import AsyncIterator

from glimpse import settings
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
