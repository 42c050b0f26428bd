"""Last step: everything that a success changes, in one transaction."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from glimpse import imports
from glimpse.database import blobs, images
from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, Gone
from glimpse.image import ImageRow, document
from glimpse.imports import ERROR, SOURCE
from glimpse.lifecycle import Mover
from glimpse.stores.measure import Measured
from schemas.events import ImageActivated, ImageUpdated
from schemas.vocabulary import GONE, ImportMethod, Status
from services.importer import queries
from services.importer.failures import STORE_FAILED, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Job, Kept, Task


async def finish(ports: Ports, job: Job) -> Job:
    """Make the copies count: image, copies, task and fact. Raises Gone when the image was deleted, and Fenced."""
    task, kept = job.task, job.kept
    live = timedelta(hours=ports.settings.import_.task_time_to_live_hours)
    async with ports.database.transaction(task.actor) as tx:
        image = await images.find_locked(tx, task.image_id)
        if image is None or image.status in GONE:
            raise Gone("the image was deleted")
        if not is_locked_by(image, task):
            raise Conflict("another import has begun on this image meanwhile")
        await queries.mark_success(tx, task, _message(kept), live)
        if kept is not None:
            ids = list(kept.blobs.values())
            if not await blobs.mark_stored(tx, ids, kept.measured.size):
                raise ImportFailure(STORE_FAILED, "the copies were given up while they were written", passing=True)
        await queries.doom_copies(tx, task)
        if task.method is ImportMethod.COPY_IMAGE:
            await _copied(tx, image, kept)
        else:
            await _activated(tx, image, job, ports.settings.images.hashing_algorithm)
    return job


def is_locked_by(image: ImageRow, task: Task) -> bool:
    """Say whether an image is a task's to change; another one may have taken it over (IMG-490)."""
    return imports.is_locked_by(image.service_properties, task.id)


async def _activated(tx: Transaction, image: ImageRow, job: Job, algorithm: str) -> None:
    kept = job.kept
    if image.status is not Status.IMPORTING or kept is None:
        raise Conflict(f"the image is {image.status}, so nothing can be imported into it")
    measured = kept.measured
    converted = job.disk_format != (job.image.disk_format or "raw")
    row = replace(
        image,
        size=measured.size,
        virtual_size=kept.virtual_size,
        checksum=measured.checksum,
        os_hash_algo=algorithm,
        os_hash_value=measured.digests[algorithm],
        disk_format=job.disk_format if converted else job.image.disk_format,
        container_format="bare" if converted else job.image.container_format,
        properties=image.properties | job.properties,
        stores=list(kept.blobs),
        staged_until=None,
        service_properties=_told(image, kept.failed) | _source(job, algorithm) | _verified(job, measured),
    )
    await blobs.doom_staged(tx, image.id)
    row = await images.move(tx, row, Status.ACTIVE, Mover.IMPORTER)
    await tx.emit(
        ImageActivated(subject=row.id, version=row.version, image=document(row), previous={"status": image.status})
    )


async def _copied(tx: Transaction, image: ImageRow, kept: Kept | None) -> None:
    """Status, size and digests stay as they are (IMG-499)."""
    filled, failed = (kept.blobs, kept.failed) if kept is not None else ({}, {})
    stores = [*image.stores, *(name for name in filled if name not in image.stores)]
    row = await images.save(tx, replace(image, stores=stores, service_properties=_told(image, failed)))
    previous = {"stores": ",".join(image.stores)}
    await tx.emit(ImageUpdated(subject=row.id, version=row.version, image=document(row), previous=previous))


def _told(image: ImageRow, failed: dict[str, str]) -> dict[str, str]:
    """Return the service's properties at the end of an import (IMG-202 to IMG-206)."""
    is_copy = image.status is not Status.IMPORTING  # it changes no bytes: what is known of their source holds
    return {
        name: value
        for name, value in imports.ended(image.service_properties, failed).items()
        if name != ERROR and (is_copy or not name.startswith(SOURCE))
    }


def _source(job: Job, algorithm: str) -> dict[str, str]:
    """Return what is kept of bytes that are not stored as they came (IMG-723)."""
    received = job.received
    if received is None:
        return {}
    return {
        f"{SOURCE}hash_algo": algorithm,
        f"{SOURCE}hash_value": received.digests[algorithm],
        f"{SOURCE}size": str(received.size),
        f"{SOURCE}format": job.arrived_as or "",
    }


def _verified(job: Job, stored: Measured) -> dict[str, str]:
    """Return what is kept of a signature that held (OP-103)."""
    if job.signature is None:
        return {}
    return job.signature.told((job.received or stored).digests, datetime.now(UTC))


def _message(kept: Kept | None) -> str:
    if kept is None:
        return "every store had a copy already"
    return "; ".join(f"not in {name}: {reason}" for name, reason in sorted(kept.failed.items()))
