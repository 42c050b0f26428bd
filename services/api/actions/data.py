"""Bytes into an image, and out of it."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import structlog

from glimpse.database import images as rows
from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, Forbidden, GlimpseError, Gone, Invalid, StoreError, TooLarge, Unavailable
from glimpse.formats import inspect
from glimpse.image import ImageRow, document
from glimpse.lifecycle import Mover
from glimpse.settings import seconds
from glimpse.stores.measure import Measure, Measured
from glimpse.stores.store import Store
from schemas.events import ImageActivated, ImageUploaded, UploadFailed, UploadStarted
from schemas.vocabulary import Status
from services.api.actions import seeing
from services.api.announcements import Announced
from services.api.caller import Caller
from services.api.ports import Ports
from services.api.queries import blobs

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Copy:
    """Where an image's bytes can be read."""

    image: ImageRow
    store: Store
    key: str
    size: int


async def upload(
    ports: Ports, caller: Caller, image_id: str, announced: Announced, chunks: AsyncIterator[bytes]
) -> None:
    """Fill a queued image with bytes and make it active (IMG-391 to IMG-418)."""
    store = _named_store(ports, announced.store)
    if announced.size is not None and announced.size > ports.settings.images.size_cap_bytes:
        raise TooLarge(f"images have at most {ports.settings.images.size_cap_bytes} bytes")
    image, blob, key = await _begin(ports, caller, image_id, store)
    algorithm = ports.settings.images.hashing_algorithm
    measure = Measure(
        (algorithm,),
        limit=ports.settings.images.size_cap_bytes,
        expected_size=announced.size,
        expected_digests=announced.digests,
        inspector=inspect.Inspector(_declared(ports, image)),
    )
    verdict: list[int | None] = []

    async def judged() -> AsyncIterator[bytes]:
        """Let the last word be spoken before the store takes the bytes for whole."""
        async for chunk in measure.passing(chunks):
            yield chunk
        verdict.append(_virtual_size(ports, image, measure.result()))

    try:
        await ports.in_flight.write(blob, store.write(key, judged()))
        await _activate(ports, caller, image_id, blob, store.name, measure.result(), verdict[0])
    except BaseException as error:  # cancellation too: a client that hung up must be able to come back
        await asyncio.shield(_give_back(ports, caller, image_id, blob, why(error)))
        raise


async def download(ports: Ports, caller: Caller, image_id: str) -> Copy | None:
    """Return the copy that is read first (IMG-439), or None when there are no bytes (IMG-420)."""
    async with ports.database.reading() as reader:
        seen = await seeing.find(reader, caller, image_id)
        copies = await blobs.list_copies(reader, image_id) if seen.image.stores else {}
    image = seen.image
    if image.status is Status.DEACTIVATED and not caller.is_admin:
        raise Forbidden("The requested image has been deactivated. Image data download is forbidden.")
    ports.policy.require("download_image", seen)
    for name in ports.catalog.by_weight([name for name in copies if name in ports.catalog.names]):
        store = ports.catalog.get(name)
        if await store.size(copies[name]) is not None:
            return Copy(image, store, copies[name], image.size or 0)
        log.error("a copy is gone from its store", image=image_id, store=name, key=copies[name])
    return None


def _named_store(ports: Ports, name: str | None) -> Store:
    if name is None or not ports.settings.api.multi_store:
        return ports.catalog.get(ports.catalog.default)
    if name not in ports.catalog.names:
        raise Invalid(f"there is no store {name}; there are {', '.join(ports.catalog.names)}")
    return ports.catalog.get(name)


async def _begin(ports: Ports, caller: Caller, image_id: str, store: Store) -> tuple[ImageRow, int, str]:
    """Take the image, and write the row of the copy before its first byte."""
    key = f"{image_id}/{uuid.uuid4().hex}"
    async with ports.database.transaction(caller.actor) as tx:
        seen = await seeing.lock(tx, caller, image_id)
        ports.policy.require("upload_image", seen)
        image = seen.image
        if image.status is not Status.QUEUED:
            raise Conflict(f"image {image_id} is {image.status}: only a queued one takes bytes")
        if image.disk_format is None or image.container_format is None:
            raise Invalid("set disk_format and container_format before the upload: they say what the bytes are")
        await blobs.doom_staged(tx, image_id)  # what a failed import left is dropped (IMG-721)
        blob = await blobs.insert(tx, image_id, store.name, key, seconds(ports.settings.scrubber.abandoned_seconds))
        row = await rows.move(tx, replace(image, staged_until=None), Status.SAVING, Mover.API)
        await tx.emit(
            UploadStarted(subject=row.id, version=row.version, image=document(row), previous={"status": image.status})
        )
    return row, blob, key


async def _activate(
    ports: Ports, caller: Caller, image_id: str, blob: int, store: str, measured: Measured, virtual_size: int | None
) -> None:
    algorithm = ports.settings.images.hashing_algorithm
    async with ports.database.transaction(caller.actor) as tx:
        image = await rows.find_locked(tx, image_id)
        if image is None or image.status is not Status.SAVING or not await blobs.mark_stored(tx, blob, measured.size):
            raise Gone(f"image {image_id} was deleted, or its upload given up, before all bytes had arrived")
        row = replace(
            image,
            size=measured.size,
            virtual_size=virtual_size,
            checksum=measured.checksum,
            os_hash_algo=algorithm,
            os_hash_value=measured.digests[algorithm],
            stores=[store],
        )
        row = await rows.move(tx, row, Status.ACTIVE, Mover.API)
        shown = document(row)
        await tx.emit(ImageUploaded(subject=row.id, image=shown))  # no version of its own: one move, one version
        await tx.emit(
            ImageActivated(subject=row.id, version=row.version, image=shown, previous={"status": image.status})
        )


async def _give_back(ports: Ports, caller: Caller, image_id: str, blob: int, reason: str) -> None:
    """Make the image queued again, if this upload still had it; should the database be away, `rescue` does it."""
    async with ports.database.transaction(caller.actor) as tx:
        image = await rows.find_locked(tx, image_id)
        if await blobs.doom(tx, blob) and image is not None and image.status is Status.SAVING:
            await _queue(tx, image, reason)


async def _queue(tx: Transaction, image: ImageRow, reason: str) -> None:
    row = await rows.move(tx, replace(image, size=None, virtual_size=None), Status.QUEUED, Mover.API)
    await tx.emit(
        UploadFailed(
            subject=row.id,
            version=row.version,
            image=document(row),
            previous={"status": image.status},
            reason=reason,
        )
    )


def _declared(ports: Ports, image: ImageRow) -> str | None:
    """Return the format that is refused early when the bytes are of another (IMG-413, IMG-416)."""
    strict = ports.settings.images.require_format_match and image.container_format == "bare"
    return image.disk_format if strict else None


def _virtual_size(ports: Ports, image: ImageRow, measured: Measured) -> int | None:
    finding = measured.finding
    assert finding is not None, "uploads are inspected"
    return inspect.verdict(
        image.disk_format or "",
        image.container_format or "",
        finding,
        require_match=ports.settings.images.require_format_match,
    )


def why(error: BaseException) -> str:
    """Say in an event why bytes could not be taken, without what only operators should read."""
    if isinstance(error, GlimpseError) and not isinstance(error, StoreError | Unavailable):
        return error.message
    return "the transfer broke off"
