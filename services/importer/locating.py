"""A location is added: what is at it becomes an image's bytes, where they are (section 22 of the contract).

Digests that somebody vouches for are compared before the image is active; what nobody vouches for is active first, and
hashed then. Every step is one transaction under the task's lease, and a later try goes on from what it finds.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from glimpse import imports, quotas
from glimpse.database import blobs, images
from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, Gone, Invalid, NotFound, TooLarge
from glimpse.image import ImageRow, changes, document
from glimpse.lifecycle import Mover
from glimpse.stores.measure import Measure, Measured
from glimpse.stores.store import Store
from schemas.events import ImageActivated, ImageUpdated
from schemas.vocabulary import GONE, Status
from services.importer import queries
from services.importer.failures import LOCATION_REFUSED, SOURCE_NOT_FOUND, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Progress, Task

WITH_BYTES = (Status.ACTIVE, Status.DEACTIVATED)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes are, and how many."""

    store: Store
    key: str
    size: int


async def run(ports: Ports, task: Task, image: ImageRow, progress: Progress) -> None:
    """Try a task once. Raises Gone, Fenced, and whatever else went wrong."""
    said, hashes = task.vouched_for, ports.settings.images.do_secure_hash
    if image.status in WITH_BYTES:
        await _still_to_be_hashed(ports, task)
    place = await _found(ports, task, image)
    if said and hashes:
        await _begin(ports, task)
        measured = await _read(ports, place, progress, said["os_hash_algo"], said["os_hash_value"])
        await _activate(ports, task, place, _learnt(measured, said["os_hash_algo"]), ends=True)
        return
    if image.status not in WITH_BYTES:
        believed = (
            {"os_hash_algo": said["os_hash_algo"], "os_hash_value": said["os_hash_value"].lower()} if said else {}
        )
        await _activate(ports, task, place, believed, ends=not hashes)
    if hashes:
        algorithm = ports.settings.images.hashing_algorithm
        measured = await _read(ports, place, progress, algorithm)
        await _fill_in(ports, task, _learnt(measured, algorithm))


async def is_added(tx: Transaction, task: Task, image: ImageRow) -> bool:
    """Say whether an image has its location already, and only misses digests."""
    return image.status in WITH_BYTES and not task.vouched_for and await blobs.has_location(tx, image.id, task.location)


async def end_without_digests(tx: Transaction, ports: Ports, task: Task, image: ImageRow, reason: str) -> None:
    """End a task whose location was added, but can not be read (OP-48): the image stays as it is."""
    await queries.mark_success(tx, task, f"the location was added, but not hashed: {reason}", _live(ports))
    await _updated(tx, image, replace(image, service_properties=imports.unlocked(image.service_properties)))


async def _still_to_be_hashed(ports: Ports, task: Task) -> None:
    """Raise Conflict for an image that got its bytes in another way meanwhile."""
    async with ports.database.transaction(task.actor) as tx:
        image = await _held(tx, task)
        if not await is_added(tx, task, image):
            raise Conflict(f"the image is {image.status}: it got its bytes in another way meanwhile")


async def _found(ports: Ports, task: Task, image: ImageRow) -> Place:
    """Look at the location. Raises ImportFailure for one that is of no use (IMG-546)."""
    if None in (image.disk_format, image.container_format):
        raise ImportFailure(LOCATION_REFUSED, "set disk_format and container_format: they say what the bytes are")
    try:
        store, key = ports.catalog.named_by(task.location)
        size = await store.size(key)
    except Invalid as error:
        raise ImportFailure(LOCATION_REFUSED, error.message) from None
    except NotFound:
        size = None
    if not size:
        raise ImportFailure(SOURCE_NOT_FOUND, "there are no bytes at the location")
    cap = ports.settings.images.size_cap_bytes
    if size > cap:
        raise TooLarge(f"there are {size} bytes at the location, and {cap} are allowed")
    return Place(store, key, size)


async def _begin(ports: Ports, task: Task) -> None:
    """Show that the bytes are being read; an earlier try may have done so."""
    async with ports.database.transaction(task.actor) as tx:
        image = await _held(tx, task)
        await queries.lock_task(tx, task)
        if image.status is Status.IMPORTING:
            return
        row = await images.move(tx, image, Status.IMPORTING, Mover.IMPORTER)
        await tx.emit(
            ImageUpdated(subject=row.id, version=row.version, image=document(row), previous=changes(image, row))
        )


async def _read(
    ports: Ports, place: Place, progress: Progress, algorithm: str, expected: str | None = None
) -> Measured:
    """Hash the bytes. Raises Invalid when they are not those that somebody vouched for."""
    progress.begin("hashing", place.size)
    measure = Measure(
        (algorithm,),
        limit=ports.settings.images.size_cap_bytes,
        expected_size=place.size,
        expected_digests={} if expected is None else {algorithm: expected},
    )
    async for _chunk in measure.passing(progress.counting(place.store.read(place.key))):
        pass
    return measure.result()


async def _activate(ports: Ports, task: Task, place: Place, digests: dict[str, Any], *, ends: bool) -> None:
    """Make the location count: image, copy, task and fact in one transaction."""
    async with ports.database.transaction(task.actor) as tx:
        image = await _held(tx, task)
        await queries.lock_task(tx, task)
        if image.status not in (Status.QUEUED, Status.IMPORTING):
            raise Conflict(f"the image is {image.status}: it takes no location")
        await quotas.require(tx, quotas.of_stored(ports.settings, image.owner), place.size)
        await blobs.insert_location(tx, image.id, place.store.name, place.key, place.size, {})
        await blobs.doom_staged(tx, image.id)  # what a failed import left (IMG-721)
        told = {name: text for name, text in image.service_properties.items() if name != imports.ERROR}
        row = replace(
            image,
            size=place.size,
            stores=[place.store.name],
            staged_until=None,
            service_properties=imports.unlocked(told) if ends else told,
            **digests,
        )
        row = await images.move(tx, row, Status.ACTIVE, Mover.IMPORTER)
        await tx.emit(
            ImageActivated(subject=row.id, version=row.version, image=document(row), previous=changes(image, row))
        )
        if ends:
            await queries.mark_success(tx, task, "", _live(ports))


async def _fill_in(ports: Ports, task: Task, digests: dict[str, Any]) -> None:
    """Write down what the bytes of an active image hash to, unless somebody else did."""
    async with ports.database.transaction(task.actor) as tx:
        image = await _held(tx, task)
        await queries.mark_success(tx, task, "", _live(ports))
        row = replace(image, service_properties=imports.unlocked(image.service_properties))
        await _updated(tx, image, row if image.os_hash_value is not None else replace(row, **digests))


async def _updated(tx: Transaction, image: ImageRow, row: ImageRow) -> None:
    saved = await images.save(tx, row)
    previous = changes(image, saved)
    await tx.emit(ImageUpdated(subject=saved.id, version=saved.version, image=document(saved), previous=previous))


async def _held(tx: Transaction, task: Task) -> ImageRow:
    """Hold the task's image. Raises Gone, and Conflict when another task has taken it over (IMG-490)."""
    image = await images.find_locked(tx, task.image_id)
    if image is None or image.status in GONE:
        raise Gone("the image was deleted")
    if not imports.is_locked_by(image.service_properties, task.id):
        raise Conflict("another task has begun on this image meanwhile")
    return image


def _learnt(measured: Measured, algorithm: str) -> dict[str, Any]:
    return {"checksum": measured.checksum, "os_hash_algo": algorithm, "os_hash_value": measured.digests[algorithm]}


def _live(ports: Ports) -> timedelta:
    return timedelta(hours=ports.settings.import_.task_time_to_live_hours)
