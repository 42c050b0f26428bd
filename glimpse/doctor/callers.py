"""Who knows who is calling: the identity service, or the provider whose tokens are believed."""

from collections.abc import AsyncIterator

from glimpse.doctor.finding import Finding, failed, ok
from glimpse.errors import Invalid, Unavailable
from glimpse.settings import Settings
from services.api.identity import opening


async def look(settings: Settings) -> AsyncIterator[Finding]:
    """Say whether callers can be known."""
    mode = settings.auth.mode
    try:
        async with opening.opened(settings.auth) as identity:
            await identity.look()
    except (Invalid, Unavailable) as error:
        yield failed("identity", error.message, f"look at auth.{mode}_..., and at whoever is asked there")
    else:
        yield ok("identity", f"auth.mode {mode}")
