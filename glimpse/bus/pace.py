"""The pace of the bus's loops: quick while there is news, calm while there is none, patient while something is away."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from glimpse import process, settings
from glimpse.errors import Unavailable

log = structlog.get_logger()

Step = Callable[[], Awaitable[int]]
"""A look for news; returns how much there was."""

SLOWER = 1.25
"""By how much the next look comes later when there was nothing: from busy to idle within about a second."""

LONGEST = timedelta(seconds=5)
"""Between two looks while something is away."""

REMINDER_SECONDS = 60.0
"""How often it is said that something still is."""


async def keep_on(
    step: Step, bus: settings.Bus, stop: asyncio.Event, name: str, wake: asyncio.Event | None = None
) -> None:
    """Take step after step until asked to stop; the next one at once when woken.

    What is away is waited for; anything else ends the loop.
    """
    busy, idle = timedelta(seconds=bus.busy_seconds), timedelta(seconds=bus.idle_seconds)
    wait, said = busy, None
    while not stop.is_set():
        if wake:
            wake.clear()  # before the look: what comes during it is looked for again
        try:
            done = await step()
        except Unavailable as error:
            if said is None or time.monotonic() - said >= REMINDER_SECONDS:
                log.warning("waiting", loop=name, reason=error.message)
                said = time.monotonic()
            wait = min(max(wait * 2, idle), LONGEST)
        else:
            if said is not None:
                log.info("going on", loop=name)
            said, wait = None, busy if done else min(wait * SLOWER, idle)
            if done >= bus.batch:
                continue  # there is more
        await process.pause(stop, wait, wake if said is None else None)
