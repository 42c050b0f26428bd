"""Bytes into staging, where they wait for their import (section 17 of the contract)."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import replace

from glimpse import quotas, usage
from glimpse.database import blobs
from glimpse.database import images as rows
from glimpse.errors import Conflict, Gone, NotFound
from glimpse.image import ImageRow, document
from glimpse.lifecycle import Mover
from glimpse.quotas import Reservation
from glimpse.settings import seconds
from glimpse.stores.measure import Measure
from schemas.events import ImageStaged, StageFailed, StageStarted
from schemas.vocabulary import STAGING, ImportMethod, Status
from services.api.actions import data, seeing
from services.api.announcements import Announced
from services.api.caller import Caller
from services.api.ports import Ports


def require_enabled(ports: Ports) -> None:
    """Raise NotFound where nothing staged could ever be imported (IMG-449)."""
    if ImportMethod.GLANCE_DIRECT not in ports.settings.import_.methods:
        raise NotFound("The resource could not be found.")


async def stage(
    ports: Ports, caller: Caller, image_id: str, announced: Announced, chunks: AsyncIterator[bytes]
) -> None:
    """Keep bytes for a later import; what they are is judged then."""
    async with quotas.telling(ports.database, caller.actor):
        await _stage(ports, caller, image_id, announced, chunks)


async def _stage(
    ports: Ports, caller: Caller, image_id: str, announced: Announced, chunks: AsyncIterator[bytes]
) -> None:
    image, blob, key = await _begin(ports, caller, image_id, announced)
    room = Reservation(ports.database, quotas.of_staged(ports.settings, image.owner), [blob], announced.size)
    measure = Measure(
        (),
        checksum=False,
        limit=ports.settings.images.size_cap_bytes,
        expected_size=announced.size,
        expected_digests=announced.digests,
    )
    try:
        await ports.in_flight.write(blob, ports.catalog.staging.write(key, measure.passing(room.passing(chunks))))
        await _keep(ports, caller, image_id, blob, measure.result().size)
    except BaseException as error:  # cancellation too: a client that hung up must be able to come back
        await data.given_back(image_id, _give_back(ports, caller, image_id, blob, data.why(error)))
        raise


async def _begin(ports: Ports, caller: Caller, image_id: str, announced: Announced) -> tuple[ImageRow, int, str]:
    """Take the image, and write the row of what is staged before its first byte."""
    key = f"{image_id}/{uuid.uuid4().hex}"
    async with ports.database.transaction(caller.actor) as tx:
        if not caller.is_admin:  # asked before anybody looks for the image (AC-17); whose it is, an administrator knows
            await quotas.require_room(tx, quotas.of_staged(ports.settings, caller.project), announced.size or 0)
        seen = await seeing.lock(tx, caller, image_id)
        ports.policy.require("modify_image", seen)
        image = seen.image
        if image.status is not Status.QUEUED:
            raise Conflict(f"image {image_id} is {image.status}: only a queued one can be staged")
        data.check_size(ports, announced)
        await blobs.doom_staged(tx, image_id)  # what a failed import left is dropped (IMG-721)
        blob = await blobs.insert(tx, image_id, STAGING, key, seconds(ports.settings.scrubber.abandoned_seconds))
        await quotas.reserve(tx, quotas.of_staged(ports.settings, image.owner), [blob], announced.size)
        row = await rows.move(tx, replace(image, staged_until=None), Status.UPLOADING, Mover.API)
        await usage.require_movable(tx, ports.settings.limits, image.owner)
        await tx.emit(
            StageStarted(subject=row.id, version=row.version, image=document(row), previous={"status": image.status})
        )
    return row, blob, key


async def _keep(ports: Ports, caller: Caller, image_id: str, blob: int, size: int) -> None:
    async with ports.database.transaction(caller.actor) as tx:
        image = await rows.find_locked(tx, image_id)
        if image is None or image.status is not Status.UPLOADING or not await blobs.mark_stored(tx, [blob], size):
            raise Gone(f"image {image_id} was deleted, or its staging given up, before all bytes had arrived")
        row = await rows.save(tx, replace(image, size=size))
        await tx.emit(
            ImageStaged(subject=row.id, version=row.version, image=document(row), previous={"size": image.size})
        )


async def _give_back(ports: Ports, caller: Caller, image_id: str, blob: int, reason: str) -> None:
    """Make the image queued again, if this transfer still had it."""
    async with ports.database.transaction(caller.actor) as tx:
        image = await rows.find_locked(tx, image_id)
        if not await blobs.doom(tx, blob):
            await blobs.release(tx, blob)
            return
        if image is None or image.status is not Status.UPLOADING:
            return
        row = await rows.move(tx, _emptied(image), Status.QUEUED, Mover.API)
        await tx.emit(
            StageFailed(
                subject=row.id,
                version=row.version,
                image=document(row),
                previous={"status": image.status},
                reason=reason,
            )
        )


def _emptied(image: ImageRow) -> ImageRow:
    return replace(image, size=None, virtual_size=None)
