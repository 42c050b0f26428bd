"""Where the API is put together: settings, then ports, then loops; the only place that constructs things."""

import asyncio
import contextlib
import functools
import os
import socket
from collections.abc import AsyncIterator, Callable

import uvloop

from glimpse import doors, process
from glimpse.bus import leader
from glimpse.database import migrate
from glimpse.database.pool import Database
from glimpse.keystone import limits
from glimpse.process import Loop, Sweep
from glimpse.reload import InForce
from glimpse.settings import Limits, Settings, seconds
from glimpse.stores import catalog
from schemas.images import ImageFields
from services.api import server, workers
from services.api.actions import leases
from services.api.door import Door
from services.api.handlers import health
from services.api.identity import opening
from services.api.in_flight import InFlight
from services.api.openapi import served
from services.api.policy import protections
from services.api.policy.policy import Policy
from services.api.ports import Ports
from services.api.routes import ROUTES
from services.api.routing import Router
from services.api.versions import Versions


def serve(in_force: InForce) -> None:
    """Run the API until it is asked to stop. Raises Invalid, Conflict or Unavailable when it can not start."""
    settings = in_force.settings
    doors.refuse_open_ones(settings)
    asyncio.run(migrate.require_head(settings.postgres.dsn.get_secret_value()))
    catalog.open_catalog(settings)
    policy = Policy(settings.policy)
    policy.warn()
    protections.opened(settings.policy, policy)
    asyncio.run(_identity_can_be_opened(settings))
    listening = workers.listen(settings.api)
    workers.run(
        listening,
        workers.count(settings.api),
        lambda *given: uvloop.run(_serve(in_force, *given)),
        lambda: in_force.told() if in_force.read_again() else None,
    )


async def _identity_can_be_opened(settings: Settings) -> None:
    """Raise Invalid here, and not in each worker, for files that are not what they should be."""
    async with opening.opened(settings.auth):
        pass


async def _serve(in_force: InForce, listening: socket.socket, lifeline: int, ready: Callable[[], None]) -> None:
    stop = asyncio.Event()
    process.stop_on_signals(stop)
    settings = in_force.settings
    async with opened(settings) as ports, kept(ports, stop):
        entrance = door(ports)
        async with server.serving(entrance, listening, settings.api.drain_seconds):
            _listen(lifeline, listening, in_force, entrance, stop)
            ready()
            await process.run(loops(ports) | limits_kept_elsewhere(in_force, entrance), stop)


def _listen(lifeline: int, listening: socket.socket, in_force: InForce, entrance: Door, stop: asyncio.Event) -> None:
    """Take what the parent tells, and stop when it is gone."""
    loop = asyncio.get_running_loop()

    def heard() -> None:
        told = os.read(lifeline, 64 * 1024)
        if told:
            in_force.hear(told)
            entrance.change(in_force.settings)
            return
        loop.remove_reader(lifeline)  # its end can be read for ever
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)  # the address is free for whoever comes after us
        stop.set()

    loop.add_reader(lifeline, heard)


@contextlib.asynccontextmanager
async def kept(ports: Ports, stop: asyncio.Event) -> AsyncIterator[None]:
    """Keep what is being written ours to its last byte, also when the loops have stopped; if that fails, set `stop`."""
    renewing = Sweep("leases", lambda: leases.renew(ports), seconds(ports.settings.scrubber.abandoned_seconds / 3))
    done = asyncio.Event()
    following = asyncio.create_task(process.follow(renewing, done))
    following.add_done_callback(lambda _: stop.set())
    try:
        yield
    finally:
        done.set()
        await following


@contextlib.asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Ports]:
    """Open what the API needs, and close it in reverse order."""
    async with contextlib.AsyncExitStack() as stack:
        database = await Database.open(settings.postgres)
        stack.push_async_callback(database.close)
        fields = ImageFields(settings.images.disk_formats, settings.images.container_formats)
        identity = await stack.enter_async_context(opening.opened(settings.auth))
        policy = Policy(settings.policy)
        yield Ports(
            database,
            catalog.open_catalog(settings),
            settings,
            policy,
            protections.opened(settings.policy, policy),
            fields,
            identity,
            InFlight(),
        )


def door(ports: Ports) -> Door:
    """Return what every request enters through."""
    return Door(ports, Router(ROUTES), Versions.of(ports.settings), {**health.OWN, "openapi.json": served.show})


def limits_kept_elsewhere(in_force: InForce, entrance: Door) -> dict[str, Loop]:
    """Return what asks for the limits of projects, where they are not in the settings."""
    if not limits.are_kept_there(in_force.settings.limits):
        return {}

    def take(found: Limits) -> None:
        in_force.know(found)
        entrance.change(in_force.settings)

    return {"limits": functools.partial(limits.follow, in_force.settings, take)}


def loops(ports: Ports) -> dict[str, Loop]:
    """Return what runs beside the requests: news gets its order."""
    return {"leader": lambda stop: leader.follow(ports.database, ports.settings.bus, stop)}
