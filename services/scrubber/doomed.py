"""Doomed copies: the bytes are deleted, then the row; nobody else in the house deletes bytes.

A claim moves the moment of the next try into the future, so that a worker that dies is followed by another one then.
Deleting what is gone already is no error, so it does no harm when a worker was only slow.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import structlog

from glimpse.database import images
from glimpse.errors import GlimpseError
from glimpse.settings import Scrubber, seconds
from schemas.vocabulary import Status
from services.scrubber import purge
from services.scrubber.ports import ACTOR, Ports
from services.scrubber.queries import copies
from services.scrubber.queries.copies import Copy

log = structlog.get_logger()


async def run_once(ports: Ports) -> int:
    """Delete every copy that is due, several at once; return how many went."""
    gone = 0
    rules = ports.settings.scrubber
    while not ports.stopping.is_set():
        async with ports.database.transaction(ACTOR) as tx:
            claimed = await copies.claim_doomed(tx, rules.parallel_deletes, seconds(rules.claim_seconds))
        if not claimed:
            break
        outcomes = await asyncio.gather(*(_delete(ports, copy) for copy in claimed), return_exceptions=True)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        _complain(claimed, outcomes)
        gone += sum(outcome is None for outcome in outcomes)
    return gone


def wait_after(rules: Scrubber, attempts: int) -> timedelta:
    """Return how long to leave a copy alone after so many tries: twice as long each time, up to a limit."""
    return seconds(min(rules.retry_seconds * 2 ** min(attempts - 1, 60), rules.retry_max_seconds))


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
        log.exception("a store broke", store=copy.store, key=copy.key)
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


def _complain(tried: Sequence[Copy], outcomes: Sequence[str | BaseException | None]) -> None:
    """Say what could not be deleted: one line for each store and reason."""
    failed = Counter((copy.store, why) for copy, why in zip(tried, outcomes, strict=True) if isinstance(why, str))
    for (store, reason), count in failed.items():
        log.warning("a store does not delete", store=store, copies=count, reason=reason)
