"""Where the scrubber is put together: settings, then ports, then loops; the only place that constructs things."""

import asyncio
import contextlib
import functools
import secrets
import socket
from collections.abc import AsyncIterator

import uvloop

from glimpse import process
from glimpse.bus import consumer
from glimpse.database import migrate
from glimpse.database.pool import Database
from glimpse.process import Loop
from glimpse.reload import InForce
from glimpse.settings import Settings
from glimpse.stores import catalog
from services.scrubber import reactions, sweeps
from services.scrubber.ports import Ports

GROUP = "scrubber"
"""Under this name all scrubbers read news."""


def serve(in_force: InForce) -> None:
    """Run the scrubber until it is asked to stop."""
    uvloop.run(_serve(in_force))


async def _serve(in_force: InForce) -> None:
    stop = asyncio.Event()
    process.stop_on_signals(stop)
    process.call_on_hangup(in_force.read_again)
    async with opened(in_force.settings, stop) as ports:
        process.say_ready()
        await process.run(loops(ports), stop)


@contextlib.asynccontextmanager
async def opened(settings: Settings, stop: asyncio.Event) -> AsyncIterator[Ports]:
    """Open what the scrubber needs, and close it in reverse order; what is long ends early once `stop` is set."""
    async with contextlib.AsyncExitStack() as stack:
        database = await Database.open(settings.postgres)
        stack.push_async_callback(database.close)
        await migrate.require_head(settings.postgres.dsn.get_secret_value())
        worker = f"{socket.gethostname()}-{secrets.token_hex(6)}"
        yield Ports(database, catalog.open_catalog(settings), settings, worker, stopping=stop)


def loops(ports: Ports) -> dict[str, Loop]:
    """Return what runs side by side: each sweep on its timetable, and what is heard."""
    heard = reactions.reactions(ports)
    return {
        **{sweep.name: functools.partial(process.follow, sweep) for sweep in sweeps.sweeps(ports)},
        "news": lambda stop: consumer.follow(ports.database, ports.settings.bus, GROUP, heard, stop),
    }
