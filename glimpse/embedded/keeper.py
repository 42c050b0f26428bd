"""Keeps a service running: started, seen to be ready, started again when it dies, stopped with everything else.

And sees a chore through, which runs once.
"""

import asyncio
import signal
import time

import structlog

from glimpse.embedded.child import Child, Farewell, Program, first
from glimpse.embedded.deaths import Deaths
from glimpse.errors import Unavailable

log = structlog.get_logger()

DEATHS_BEFORE_READY = 3
"""So often a service may die before it was ever ready; then nothing is gained by another try."""


async def keep(program: Program, ready: asyncio.Event, patience_seconds: float, farewell: Farewell) -> None:
    """Run a service until cancelled; set `ready` once it is. Raises Unavailable when it never gets there."""
    deaths = Deaths()
    while True:
        served_since = None
        child = await Child.start(program)
        try:
            await first(child.ended(), child.ready.wait())
            if child.ready.is_set():
                log.info("ready", program=program.name, pid=child.pid)
                ready.set()
                served_since = time.monotonic()
            status = await child.ended()
        finally:
            await child.stop(((signal.SIGTERM, patience_seconds),), farewell.hurry)
        pause = deaths.another(0 if served_since is None else time.monotonic() - served_since)
        if not ready.is_set() and deaths.quick >= DEATHS_BEFORE_READY:
            raise Unavailable(
                f"the {program.name} does not start: {how(status)}, {deaths.quick} times in a row; it said last:\n"
                f"{child.last_lines()}"
            )
        log.warning("died", program=program.name, how=how(status), again_in_seconds=pause)
        await asyncio.sleep(pause)


async def see_through(program: Program, farewell: Farewell) -> None:
    """Run a program to its end; that it failed is a warning, since everything else runs without it."""
    child = await Child.start(program)
    try:
        status = await child.ended()
    finally:
        await child.stop(((signal.SIGTERM, 1.0),), farewell.hurry)
    if status:
        log.warning("failed", program=program.name, how=how(status))


def how(status: int) -> str:
    """Say how a process ended."""
    if status >= 0:
        return f"it left with status {status}"
    try:
        return f"it was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"it was ended by signal {-status}"
