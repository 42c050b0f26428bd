"""Images that nobody works on any more are given back, with the reason; what a dead writer left behind is doomed.

A writer that is alive renews the lease of its copy, and an import that is alive has a task that is to be done: such
images are never touched. The importer itself takes over tasks whose workers died.
"""

from dataclasses import replace
from datetime import timedelta

import structlog

from glimpse import imports
from glimpse.database import blobs, clock, images
from glimpse.database.pool import Transaction
from glimpse.image import ImageRow, changes, document
from glimpse.lifecycle import Mover
from schemas.events import ImageEvent, ImportFailed, StageFailed, UploadFailed
from schemas.vocabulary import Status
from services.scrubber.ports import ACTOR, Ports
from services.scrubber.queries import abandoned, copies

log = structlog.get_logger()

ABANDONED = "abandoned"
UPLOAD_LOST = "the upload broke off, and nobody has been heard of it since; send the bytes again"
STAGE_LOST = "staging broke off, and nobody has been heard of it since; stage the bytes again"
STAGED_TOO_LONG = "the staged bytes were not imported in time; stage them again"
IMPORT_LOST = "nobody works on this import any more; import again"


async def run_once(ports: Ports) -> int:
    """Put everything right that a crash left behind; return how many images and copies that were."""
    return await _give_back_abandoned(ports) + await _drop_staged(ports) + await _doom_unheard_of(ports)


async def _give_back_abandoned(ports: Ports) -> int:
    keep = timedelta(days=ports.settings.staging.keep_days)
    given_back, before = 0, -1
    while given_back > before and not ports.stopping.is_set():
        before = given_back
        async with ports.database.reading() as reader:
            found = await abandoned.list_abandoned(reader, ports.settings.scrubber.batch, keep)
        for image_id in found:
            async with ports.database.transaction(ACTOR) as tx:
                image = await images.find_locked(tx, image_id)
                # once more, now that the row is ours: whoever moves it holds it while they do
                if image is not None and await abandoned.list_abandoned(tx, 1, keep, [image_id]):
                    await _give_back(tx, ports, image)
                    given_back += 1
        if given_back > before:
            ports.doomed.set()
    return given_back


async def _doom_unheard_of(ports: Ports) -> int:
    """Give up copies whose writers are dead, whatever their images do."""
    given_up = 0
    while not ports.stopping.is_set():
        async with ports.database.transaction(ACTOR) as tx:
            count = await copies.doom_unheard_of(tx, ports.settings.scrubber.batch)
        if not count:
            break
        ports.doomed.set()
        given_up += count
    return given_up


async def _give_back(tx: Transaction, ports: Ports, image: ImageRow) -> None:
    """Take one locked image back to `queued` and tell why; it is empty then (IMG-221, IMG-223, IMG-495)."""
    reason = await _reason(tx, image)
    row = replace(image, size=None, virtual_size=None, staged_until=None)
    await blobs.doom_unfinished(tx, image.id)
    if image.status is Status.IMPORTING:
        row = await _out_of_import(tx, ports, row)
    else:
        await blobs.doom_staged(tx, image.id)
    row = await images.move(tx, row, Status.QUEUED, Mover.SCRUBBER)
    await tx.emit(_told(image, row, reason))
    log.warning("image given back", image=image.id, was=str(image.status), reason=reason)


async def _reason(tx: Transaction, image: ImageRow) -> str:
    if image.status is Status.SAVING:
        return UPLOAD_LOST
    if image.status is Status.IMPORTING:
        return IMPORT_LOST
    return STAGED_TOO_LONG if await blobs.is_staged(tx, image.id) else STAGE_LOST


async def _out_of_import(tx: Transaction, ports: Ports, image: ImageRow) -> ImageRow:
    """Say on the image what came of its import, and keep what is staged for the next one (IMG-721)."""
    told = imports.given_up(image.service_properties) | {imports.ERROR: f"{ABANDONED}: {IMPORT_LOST}"}
    keep = timedelta(hours=ports.settings.import_.keep_staged_hours)
    if keep and await blobs.is_staged(tx, image.id):
        return replace(image, service_properties=told, staged_until=await clock.now(tx, keep))
    await blobs.doom_staged(tx, image.id)
    return replace(image, service_properties=told)


def _told(before: ImageRow, row: ImageRow, reason: str) -> ImageEvent:
    shown, previous = document(row), changes(before, row)
    if before.status is Status.SAVING:
        return UploadFailed(subject=row.id, version=row.version, image=shown, previous=previous, reason=reason)
    if before.status is Status.UPLOADING:
        return StageFailed(subject=row.id, version=row.version, image=shown, previous=previous, reason=reason)
    return ImportFailed(
        subject=row.id,
        version=row.version,
        image=shown,
        previous=previous,
        task_id=before.service_properties.get(imports.LOCK),
        code=ABANDONED,
        reason=reason,
    )


async def _drop_staged(ports: Ports) -> int:
    """Let staged bytes go that were kept for another import, which nobody asked for in time (IMG-721)."""
    dropped = 0
    seen: set[str] = set()
    while not ports.stopping.is_set():
        async with ports.database.reading() as reader:
            found = await abandoned.list_staged_for_too_long(reader, ports.settings.scrubber.batch)
        if seen.issuperset(found):
            break
        seen.update(found)
        for image_id in found:
            async with ports.database.transaction(ACTOR) as tx:
                dropped += await _drop_staged_of(tx, image_id)
        if dropped:
            ports.doomed.set()
    return dropped


async def _drop_staged_of(tx: Transaction, image_id: str) -> bool:
    """Let the staged bytes of one image go if their time is over; return whether they went."""
    image = await images.find_locked(tx, image_id)
    if image is None or image.staged_until is None or image.staged_until > await clock.now(tx):
        return False
    await abandoned.forget_staged(tx, image.id)
    if image.status in (Status.UPLOADING, Status.IMPORTING):  # there they are in use again
        return False
    await blobs.doom_staged(tx, image.id)
    return True
