"""How a try that came to nothing is written down: once more later, failed for good, or given back."""

from dataclasses import replace
from datetime import timedelta

import structlog

from glimpse import imports
from glimpse.database import blobs, clock, images
from glimpse.database.pool import Transaction
from glimpse.image import ImageRow, changes, document
from glimpse.lifecycle import Mover
from glimpse.settings import seconds
from schemas.events import ImportFailed
from schemas.vocabulary import GONE, ImportMethod, Status
from services.importer import locating, queries
from services.importer.failures import DIGEST_MISMATCH, IMAGE_DELETED, ImportFailure
from services.importer.ports import Ports
from services.importer.steps.finish import is_locked_by
from services.importer.work import Task

log = structlog.get_logger()

LONGEST_WAIT = timedelta(hours=1)


async def conclude(ports: Ports, task: Task, failure: ImportFailure) -> None:
    """Let a task be tried again when that may help and it may be, else end it. Raises Fenced."""
    rules = ports.settings.import_
    if failure.passing and task.attempts < rules.attempts:
        wait = min(seconds(rules.retry_seconds) * 2 ** (task.attempts - 1), LONGEST_WAIT)
        log.info("import will be tried again", task=task.id, code=failure.code, wait=wait.total_seconds())
        async with ports.database.transaction(task.actor) as tx:
            await queries.put_off(tx, task, wait, failure.code, failure.message)
            await queries.doom_copies(tx, task)
        return
    await fail(ports, task, failure)


async def fail(ports: Ports, task: Task, failure: ImportFailure) -> None:
    """End a task for good: image, task, copies and fact in one transaction. Raises Fenced."""
    log.info("import failed", task=task.id, image=task.image_id, code=failure.code, reason=failure.message)
    live = timedelta(hours=ports.settings.import_.task_time_to_live_hours)
    async with ports.database.transaction(task.actor) as tx:
        image = await images.find_locked(tx, task.image_id)
        if image is None or image.status in GONE:
            failure = ImportFailure(IMAGE_DELETED, "the image was deleted")
        if image is not None and task.is_location and await locating.is_added(tx, task, image):
            log.warning("a location was added, but can not be hashed", image=image.id, reason=failure.message)
            await locating.end_without_digests(tx, ports, task, image, failure.message)
            return
        await queries.mark_failure(tx, task, failure.code, failure.message, live)
        await queries.doom_copies(tx, task)
        if image is not None and image.status not in GONE and is_locked_by(image, task):
            row = await _given_back(tx, ports, task, image, failure)
            await tx.emit(
                ImportFailed(
                    subject=row.id,
                    version=row.version,
                    image=document(row),
                    previous=changes(image, row),
                    task_id=task.id,
                    code=failure.code,
                    reason=failure.message,
                )
            )


async def give_back(ports: Ports, task: Task) -> None:
    """Leave a task to somebody else, as if it had not been tried. Raises Fenced."""
    async with ports.database.transaction(task.actor) as tx:
        await queries.release(tx, task)
        await queries.doom_copies(tx, task)


async def _given_back(tx: Transaction, ports: Ports, task: Task, image: ImageRow, failure: ImportFailure) -> ImageRow:
    """Take the image out of the import; one that has bytes keeps its status (IMG-495, IMG-721)."""
    before = image.service_properties
    told = imports.unlocked(before) if task.is_location else imports.ended(before, task.stores)
    told[imports.ERROR] = f"{failure.code}: {failure.message}"
    row = replace(image, service_properties=told)
    if image.status is not Status.IMPORTING or (not task.is_location and task.method is ImportMethod.COPY_IMAGE):
        return await images.save(tx, row)
    keep = timedelta(hours=ports.settings.import_.keep_staged_hours)
    staged = await blobs.find_staged(tx, image.id)
    if staged is not None and keep and failure.code != DIGEST_MISMATCH:  # other bytes than meant: IMG-728
        row = replace(row, staged_until=await clock.now(tx, keep))
    else:
        await blobs.doom_staged(tx, image.id)
    return await images.move(tx, replace(row, size=None, virtual_size=None), Status.QUEUED, Mover.IMPORTER)
