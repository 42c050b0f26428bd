"""One look at everything, in the order in which it is to be mended."""

from collections.abc import AsyncIterator, Callable, Sequence

from glimpse.doctor import callers, conversion, facts, news, places, rules
from glimpse.doctor.finding import Finding
from glimpse.settings import Settings

Look = Callable[[Settings], AsyncIterator[Finding]]

LOOKS: Sequence[Look] = (facts.look, news.look, places.look, conversion.look, rules.look, callers.look)


async def findings(settings: Settings) -> AsyncIterator[Finding]:
    """Yield what is found, while more is looked for."""
    for look in LOOKS:
        async for finding in look(settings):
            yield finding
