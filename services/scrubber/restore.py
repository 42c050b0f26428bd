"""Deleted images that somebody asked back: each becomes what it was, or it is told why it can not.

The mark of the request (glimpse/restore.py) bars every purge, so nothing is lost while a store is away: the image waits
until the store answers. Only when no store has its bytes any more the request has failed.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum

import structlog

from glimpse import imports
from glimpse.database import blobs, images
from glimpse.database.pool import Transaction
from glimpse.errors import GlimpseError
from glimpse.image import ImageRow, changes, document
from glimpse.lifecycle import Mover
from glimpse.stores.store import told
from schemas.events import ImageRestored, RestoreFailed
from schemas.vocabulary import Status
from services.scrubber import doomed
from services.scrubber.ports import ACTOR, Ports
from services.scrubber.queries import abandoned, copies, deleted
from services.scrubber.queries.copies import Copy

log = structlog.get_logger()


class Found(StrEnum):
    """What a store says of a copy."""

    WHOLE = "whole"
    GONE = "gone"
    UNKNOWN = "unknown"


async def run_once(ports: Ports) -> int:
    """Give back every image that was asked for, each tried once; return how many came back."""
    restored = 0
    seen: set[str] = set()
    while not ports.stopping.is_set():
        async with ports.database.reading() as reader:
            asked = await deleted.list_asked_back(reader, ports.settings.scrubber.batch, seen)
        if not asked:
            break
        for image_id in asked:
            if ports.stopping.is_set():
                break
            restored += await give_back(ports, image_id)
        seen.update(asked)
    return restored


async def give_back(ports: Ports, image_id: str) -> bool:
    """Move one image back to the status it had, or say why not; return whether it came back."""
    async with ports.database.reading() as reader:
        whole = await copies.list_whole(reader, image_id)
    found = dict(zip(whole, await asyncio.gather(*(_look(ports, copy) for copy in whole)), strict=True))
    async with ports.database.transaction(ACTOR) as tx:
        image = await images.find_locked(tx, image_id)
        if image is None or image.status is not Status.PENDING_DELETE or image.restore_requested_at is None:
            return False  # another scrubber was quicker
        if image.status_before is Status.QUEUED or Found.WHOLE in found.values():
            await _restored(tx, image, found)
            return True
        if Found.UNKNOWN in found.values():
            await _wait(ports, tx, image, [copy for copy, what in found.items() if what is Found.UNKNOWN])
        else:
            await _failed(tx, image, whole)
        return False


async def _look(ports: Ports, copy: Copy) -> Found:
    try:
        async with asyncio.timeout(ports.settings.scrubber.claim_seconds):
            size = await ports.catalog.get(copy.store).size(copy.key)
    except GlimpseError as error:
        log.warning("a store does not say whether it has a copy", store=copy.store, reason=error.message)
        return Found.UNKNOWN
    except Exception:
        log.exception("a store broke", store=copy.store, key=told(copy.key))
        return Found.UNKNOWN
    return Found.GONE if size is None or size != copy.size else Found.WHOLE


async def _restored(tx: Transaction, image: ImageRow, found: Mapping[Copy, Found]) -> None:
    """Give everything back; a copy that is gone while another is whole is let go and does not hinder."""
    gone = [copy for copy, what in found.items() if what is Found.GONE]
    if gone:
        log.error("copies are gone", image=image.id, stores=[copy.store for copy in gone])
        await blobs.doom_these(tx, [copy.id for copy in gone])
    await copies.forgive(tx, image.id)
    assert image.status_before is not None, "an image that waits for its purge knows what it was"
    left = {copy.store for copy, what in found.items() if what is not Found.GONE}
    row = replace(
        image,
        stores=[store for store in image.stores if store in left],
        deleted_at=None,
        purge_after=None,
        status_before=None,
        restore_requested_at=None,
    )
    if imports.LOCK in image.service_properties and not await abandoned.has_live_task(tx, image.id):
        row = replace(row, service_properties=imports.given_up(image.service_properties))  # it ended without the image
    row = await images.move(tx, row, image.status_before, Mover.SCRUBBER)
    await tx.emit(ImageRestored(subject=row.id, version=row.version, image=document(row), previous=changes(image, row)))
    log.info("image restored", image=image.id, status=str(row.status))


async def _wait(ports: Ports, tx: Transaction, image: ImageRow, unknown: Sequence[Copy]) -> None:
    for copy in unknown:
        wait = doomed.wait_after(ports.settings.scrubber, copy.attempts + 1)
        await copies.put_off(tx, replace(copy, attempts=copy.attempts + 1), wait, "its store does not answer")
    log.warning("a restore waits for a store", image=image.id, stores=[copy.store for copy in unknown])


async def _failed(tx: Transaction, image: ImageRow, gone: Sequence[Copy]) -> None:
    """Take the mark away: the image can be asked for again, or goes when its time is over."""
    where = ", ".join(sorted({copy.store for copy in gone})) or "none is known"
    reason = f"no store has its bytes any more, or not all of them ({where})"
    row = await images.save(tx, replace(image, restore_requested_at=None), quietly=True)
    await tx.emit(RestoreFailed(subject=row.id, version=row.version, image=document(row), reason=reason))
    log.error("restore failed", image=image.id, reason=reason)
