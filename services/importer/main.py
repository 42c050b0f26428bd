"""Where the importer is put together: settings, then ports, then loops; the only place that constructs things."""

import asyncio
import contextlib
import functools
import secrets
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import uvloop

from glimpse import process
from glimpse.bus import consumer
from glimpse.database import migrate
from glimpse.database.pool import Database
from glimpse.keystone import limits
from glimpse.process import Loop, Sweep
from glimpse.reload import InForce
from glimpse.settings import Settings
from glimpse.stores import catalog
from services.importer import jobs, reactions
from services.importer.hashing import rehash
from services.importer.ports import Ports, scratch_root
from services.importer.scratch import Scratch

GROUP = "importer"
"""Under this name all importers read news."""

SWEEP_SCRATCH = timedelta(hours=1)
FILL_HASHES = timedelta(hours=1)


def serve(in_force: InForce) -> None:
    """Run the importer until it is asked to stop."""
    uvloop.run(_serve(in_force))


async def _serve(in_force: InForce) -> None:
    stop = asyncio.Event()
    process.stop_on_signals(stop)
    process.call_on_hangup(in_force.read_again)
    async with opened(in_force.settings) as ports:
        process.say_ready()
        await process.run(loops(ports, in_force) | limits_kept_elsewhere(in_force), stop)


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Ports]:
    """Open what the importer needs, and close it in reverse order."""
    async with contextlib.AsyncExitStack() as stack:
        database = await Database.open(settings.postgres)
        stack.push_async_callback(database.close)
        await migrate.require_head(settings.postgres.dsn.get_secret_value())
        scratch = Scratch(scratch_root(settings), settings.import_.scratch_bytes)
        stack.push_async_callback(scratch.close)
        worker = f"{socket.gethostname()}-{secrets.token_hex(6)}"
        yield Ports(database, catalog.open_catalog(settings), scratch, settings, worker)


def limits_kept_elsewhere(in_force: InForce) -> dict[str, Loop]:
    """Return what asks for the limits of projects, where they are not in the settings."""
    if not limits.are_kept_there(in_force.settings.limits):
        return {}
    return {"limits": functools.partial(limits.follow, in_force.settings, in_force.know)}


def loops(ports: Ports, in_force: InForce) -> dict[str, Loop]:
    """Return what runs side by side: tasks, what is heard, and the clean-up after importers that died."""

    def now() -> Ports:
        return replace(ports, settings=in_force.settings)

    swept = Sweep("scratch", ports.scratch.sweep, SWEEP_SCRATCH)
    unhashed = Sweep("unhashed", lambda: rehash.fill(now()), FILL_HASHES)
    heard = reactions.reactions(ports)
    return {
        "tasks": lambda stop: jobs.follow(now, stop),
        "news": lambda stop: consumer.follow(ports.database, ports.settings.bus, GROUP, heard, stop),
        "hashing": lambda stop: rehash.follow(now, stop),
        "unhashed": lambda stop: process.follow(unhashed, stop),
        "scratch": lambda stop: process.follow(swept, stop),
    }
