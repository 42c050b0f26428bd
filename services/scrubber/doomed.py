"""Doomed copies: the bytes are deleted, then the row; nobody else in the house deletes bytes.

A claim moves the moment of the next try into the future, so that a worker that dies is followed by another one then.
Deleting what is gone already is no error, so it does no harm when a worker was only slow.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import timedelta

import structlog

from glimpse import process
from glimpse.database import images
from glimpse.errors import GlimpseError
from glimpse.settings import Scrubber, seconds
from glimpse.stores.store import told
from schemas.vocabulary import Status
from services.scrubber import purge
from services.scrubber.ports import ACTOR, Ports
from services.scrubber.queries import copies
from services.scrubber.queries.copies import Copy

log = structlog.get_logger()


async def run_once(ports: Ports) -> int:
    """Delete every copy that is due, several at once in each store; return how many went.

    A place is taken again as soon as it is free, and no store takes those of another: one that hangs delays only what
    is in it, and what becomes due meanwhile in others goes at once.
    """
    gone = 0
    deleting: dict[asyncio.Task[str | None], Copy] = {}
    try:
        while True:
            ports.doomed.clear()  # before the look: what comes during it is looked at again
            for copy in await _claimed(ports, deleting.values()):
                task = asyncio.create_task(_delete(ports, copy))
                task.add_done_callback(lambda _task: ports.doomed.set())
                deleting[task] = copy
            if not deleting:
                return gone
            await _wait(ports, deleting)
            tried = {task: deleting.pop(task) for task in list(deleting) if task.done()}
            outcomes = [task.result() for task in tried]
            _complain(list(tried.values()), outcomes)
            gone += outcomes.count(None)
    finally:
        for task in deleting:
            task.cancel()
        await asyncio.gather(*deleting, return_exceptions=True)


def wait_after(rules: Scrubber, attempts: int) -> timedelta:
    """Return how long to leave a copy alone after so many tries: twice as long each time, up to a limit."""
    return seconds(min(rules.retry_seconds * 2 ** min(attempts - 1, 60), rules.retry_max_seconds))


async def _claimed(ports: Ports, deleting: Collection[Copy]) -> list[Copy]:
    """Take copies that are due for the places that are free in each store."""
    rules = ports.settings.scrubber
    claimed: list[Copy] = []
    while not ports.stopping.is_set():
        taken = Counter(copy.store for copy in (*deleting, *claimed))
        busy = [store for store, count in taken.items() if count >= rules.parallel_deletes]
        # whichever stores they are in, so many fit
        fit = rules.parallel_deletes - max((count for store, count in taken.items() if store not in busy), default=0)
        async with ports.database.transaction(ACTOR) as tx:
            found = await copies.claim_doomed(tx, fit, seconds(rules.claim_seconds), busy)
        if not found:
            break
        claimed += found
    return claimed


async def _wait(ports: Ports, deleting: Collection[asyncio.Task[str | None]]) -> None:
    """Wait until a place is free, or there may be more to delete; when stopping, until all is done."""
    if ports.stopping.is_set():
        await asyncio.wait(deleting)
    else:
        await process.pause(ports.stopping, seconds(ports.settings.scrubber.sweep_seconds), ports.doomed)


async def _delete(ports: Ports, copy: Copy) -> str | None:
    """Delete one copy and forget it; return why it could not be done."""
    try:
        store = ports.catalog.get(copy.store)
        async with asyncio.timeout(ports.settings.scrubber.claim_seconds):
            await store.delete(copy.key)
    except GlimpseError as error:  # a store that is away, or is not configured any more
        reason = error.message
    except TimeoutError:
        reason = "the store took too long"
    except Exception as error:
        log.exception("a store broke", store=copy.store, key=told(copy.key))
        reason = repr(error)
    else:
        await _forget(ports, copy)
        return None
    async with ports.database.transaction(ACTOR) as tx:
        await copies.put_off(tx, copy, wait_after(ports.settings.scrubber, copy.attempts), reason)
    return reason


async def _forget(ports: Ports, copy: Copy) -> None:
    """Remove the row of a copy whose bytes are gone; with the last one of a purge the image is gone."""
    async with ports.database.transaction(ACTOR) as tx:
        image = await images.find_locked(tx, copy.image_id)
        await copies.delete(tx, copy)
        if image is None or image.status is not Status.PENDING_DELETE or image.purge_started_at is None:
            return
        if not await copies.has_any(tx, image.id):
            await purge.end(tx, image)


def _complain(tried: Sequence[Copy], outcomes: Sequence[str | None]) -> None:
    """Say what could not be deleted: one line for each store and reason."""
    failed = Counter((copy.store, why) for copy, why in zip(tried, outcomes, strict=True) if why is not None)
    for (store, reason), count in failed.items():
        log.warning("a store does not delete", store=store, copies=count, reason=reason)
