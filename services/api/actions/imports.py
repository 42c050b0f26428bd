"""Ask for bytes that arrive by themselves: the task is written with the request, the importer does the rest."""

import uuid
from dataclasses import replace
from datetime import timedelta

from glimpse import addresses, imports, quotas
from glimpse.database import blobs
from glimpse.database import images as rows
from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, Invalid
from glimpse.image import ImageRow, document
from glimpse.lifecycle import Mover
from schemas.events import ImportRequested
from schemas.vocabulary import ImportMethod, Status, TaskType
from services.api import errands, wishes
from services.api.actions import data, seeing
from services.api.caller import Caller
from services.api.policy.policy import Seen
from services.api.ports import Ports
from services.api.queries import tasks
from services.api.wishes import Wish

STALE = {"pending": timedelta(minutes=120), "processing": timedelta(minutes=60)}
"""After this without progress a task does not hold its image any more (IMG-490)."""

WANTED_STATUS = {
    ImportMethod.GLANCE_DIRECT: Status.UPLOADING,
    ImportMethod.WEB_DOWNLOAD: Status.QUEUED,
    ImportMethod.GLANCE_DOWNLOAD: Status.QUEUED,
    ImportMethod.COPY_IMAGE: Status.ACTIVE,
}
"""What an image must be (IMG-240 to IMG-242)."""


async def request_import(ports: Ports, caller: Caller, image_id: str, wished: Wish) -> None:
    """Write the task of an import down, and lock the image for it."""
    async with quotas.telling(ports.database, caller.actor), ports.database.transaction(caller.actor) as tx:
        await quotas.require_room(tx, data.asked_first(ports, caller), 0)
        seen = await seeing.lock(tx, caller, image_id)
        image = seen.image
        await _check_image(tx, image, wished.method)
        wishes.check_remote(wished.body["method"])
        ports.policy.require("copy_image" if wished.method is ImportMethod.COPY_IMAGE else "modify_image", seen)
        await check_lock(tx, image)
        stores = _targets(ports, wished, image)
        if not stores:  # every store has it already (IMG-483)
            return
        for uri in wishes.uris(wished.body["method"]):
            addresses.check_uri(uri, ports.settings.import_)
        await _require_room(tx, ports, image, wished.method, len(stores))
        await _write_down(tx, ports, replace(seen, image=await unlocked(tx, ports, image)), wished, stores)


async def _check_image(tx: Transaction, image: ImageRow, method: ImportMethod) -> None:
    """Raise Conflict unless the image is in a state for this method: before anybody is asked for rights (IMG-467)."""
    staged_again = (
        method is ImportMethod.GLANCE_DIRECT
        and image.status is Status.QUEUED
        and await blobs.is_staged(tx, image.id)  # of an import that failed (IMG-721)
    )
    half_staged = image.status is Status.UPLOADING and not await blobs.is_staged(tx, image.id)
    if (image.status is not WANTED_STATUS[method] or half_staged) and not staged_again:
        what = "still being staged" if half_staged else image.status
        raise Conflict(f"image {image.id} is {what}: {method} needs it to be {WANTED_STATUS[method]}")
    for name in ("container_format", "disk_format"):
        if getattr(image, name) is None:
            raise Conflict(f"'{name}' needs to be set before import")


async def _require_room(tx: Transaction, ports: Ports, image: ImageRow, method: ImportMethod, copies: int) -> None:
    """Raise OverQuota for what has no room already now (IMG-486, IMG-638); room is taken when the bytes come."""
    if not ports.settings.limits.enabled:
        return
    size = image.size or 0
    if method is ImportMethod.GLANCE_DIRECT:
        staged = await blobs.find_staged(tx, image.id)
        size = staged["size"] if staged is not None else 0
    await quotas.require_room(tx, quotas.of_stored(ports.settings, image.owner), size * copies)


async def check_lock(tx: Transaction, image: ImageRow) -> None:
    """Raise Conflict while another task holds the image (IMG-481); it does not when nobody is at it any more."""
    holder = image.service_properties.get(imports.LOCK)
    if holder is not None and await tasks.is_fresh(tx, holder, STALE["pending"], STALE["processing"]):
        raise Conflict(f"image {image.id} is locked by task {holder}: wait until that has ended")


async def unlocked(tx: Transaction, ports: Ports, image: ImageRow) -> ImageRow:
    """End the task that came to nothing, and leave nothing of it on the image (IMG-490)."""
    holder = image.service_properties.get(imports.LOCK)
    if holder is None:
        return image
    live = timedelta(hours=ports.settings.import_.task_time_to_live_hours)
    await tasks.end_badly(tx, holder, "preempted", "Expired lock preempted", live)
    await blobs.doom_half_stored(tx, image.id)
    told = imports.forgotten(image.service_properties, await tasks.find_stores(tx, holder))
    return replace(image, service_properties=told)


def _targets(ports: Ports, wished: Wish, image: ImageRow) -> list[str]:
    copying = wished.method is ImportMethod.COPY_IMAGE
    if not ports.settings.api.multi_store:
        if copying:
            raise Invalid("copy-image needs stores with names, and there are none here")
        if not wished.all_stores_must_succeed:
            raise Invalid("all_stores_must_succeed can only be false where there are several stores")
        return [ports.catalog.default]
    read_only = [store.name for store in ports.catalog.listed() if store.read_only]
    stores = wishes.targets(wished, ports.catalog.names, ports.catalog.default, read_only)
    if not copying:
        return stores
    there = [name for name in stores if name in image.stores]
    if there and not wished.all_stores:
        raise Invalid(f"image {image.id} is in store {there[0]} already")
    return [name for name in stores if name not in there]


async def _write_down(tx: Transaction, ports: Ports, seen: Seen, wished: Wish, stores: list[str]) -> None:
    task_id, image = str(uuid.uuid4()), seen.image
    closed = errands.sealed_for(task_id, wished, image, ports.settings)
    given = {"image_id": image.id, "import_req": wished.body, "backend": stores}
    await tasks.insert(tx, task_id, TaskType.API_IMAGE_IMPORT, image.id, seen.caller, given, closed)
    await begin(tx, image, task_id, wished.method, stores)


async def begin(tx: Transaction, image: ImageRow, task_id: str, method: ImportMethod, stores: list[str]) -> None:
    """Lock an image for a task, and tell that it is asked for (IMG-202 to IMG-204)."""
    told = imports.begun(image.service_properties, task_id, stores)
    row = replace(image, service_properties=told, staged_until=None)
    if method is ImportMethod.COPY_IMAGE:
        row = await rows.save(tx, row)
    else:
        row = await rows.move(tx, row, Status.IMPORTING, Mover.API)
    await tx.emit(
        ImportRequested(
            subject=row.id,
            version=row.version,
            image=document(row),
            previous={"status": image.status} if row.status is not image.status else {},
            task_id=task_id,
            method=method,
            stores=stores,
        )
    )
