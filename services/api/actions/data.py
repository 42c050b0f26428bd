"""Bytes into an image, and out of it."""

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import structlog

from glimpse import quotas, signatures, usage
from glimpse.database import blobs
from glimpse.database import images as rows
from glimpse.database.blobs import Location
from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, Forbidden, GlimpseError, Gone, Invalid, NotFound, StoreError, TooLarge, Unavailable
from glimpse.formats import inspect
from glimpse.image import ImageRow, document
from glimpse.lifecycle import Mover
from glimpse.quotas import Quota, Reservation
from glimpse.settings import seconds
from glimpse.signatures import Signature
from glimpse.stores.measure import Measure, Measured
from glimpse.stores.store import Store, told
from schemas.events import ImageActivated, ImageUploaded, UploadFailed, UploadStarted
from schemas.vocabulary import Status
from services.api.actions import seeing
from services.api.announcements import Announced
from services.api.caller import Caller
from services.api.ports import Ports

log = structlog.get_logger()

NOT_GIVEN_BACK = "an image could not be given back"


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
    async with quotas.telling(ports.database, caller.actor):
        await _upload(ports, caller, image_id, announced, chunks)


async def _upload(
    ports: Ports, caller: Caller, image_id: str, announced: Announced, chunks: AsyncIterator[bytes]
) -> None:
    store = _named_store(ports, announced.store)
    image, blob, key = await _begin(ports, caller, image_id, announced, store)
    try:
        signature = await signatures.find(image.properties, ports.settings.signatures, caller.token)
    except BaseException as error:
        await given_back(image_id, _give_back(ports, caller, image_id, blob, why(error)))
        raise
    algorithm = ports.settings.images.hashing_algorithm
    measure = Measure(
        (algorithm,) if signature is None else (algorithm, signature.algorithm),
        limit=ports.settings.images.size_cap_bytes,
        expected_size=announced.size,
        expected_digests=announced.digests,
        inspector=inspect.Inspector(_declared(ports, image)),
    )
    room = Reservation(ports.database, quotas.of_stored(ports.settings, image.owner), [blob], announced.size)
    verdict: list[int | None] = []

    async def judged() -> AsyncIterator[bytes]:
        """Let the last word be spoken before the store takes the bytes for whole."""
        async for chunk in measure.passing(room.passing(chunks)):
            yield chunk
        if signature is not None:
            signature.verify(measure.result().digests)
        verdict.append(_virtual_size(ports, image, measure.result()))

    try:
        await ports.in_flight.write(blob, store.write(key, judged()))
        await _activate(ports, caller, image_id, blob, store.name, measure.result(), verdict[0], signature)
    except BaseException as error:  # cancellation too: a client that hung up must be able to come back
        await given_back(image_id, _give_back(ports, caller, image_id, blob, why(error)))
        raise


async def download(ports: Ports, caller: Caller, image_id: str, preferred: Sequence[str]) -> Copy | None:
    """Return the copy to read: preferred stores first, then by weight (IMG-437, IMG-439). None: no bytes (IMG-420).

    Raises StoreError when there are bytes, and no store gives them (IMG-445).
    """
    _check_preferred(ports, preferred)
    async with ports.database.reading() as reader:
        seen = await seeing.find(reader, caller, image_id)
        copies = await blobs.list_copies(reader, image_id) if seen.image.stores else []
    image = seen.image
    if image.status is Status.DEACTIVATED and not caller.is_admin:
        raise Forbidden("The requested image has been deactivated. Image data download is forbidden.")
    ports.policy.require("download_image", seen)
    if preferred:
        ports.policy.require("download_from_store", seen)
    first = list(dict.fromkeys(preferred))
    last = len(first)
    in_order = sorted(
        ports.catalog.sorted_by_weight(copies),
        key=lambda copy: first.index(copy.store) if copy.store in first else last,
    )
    return await _first_whole(ports, image, in_order)


async def _first_whole(ports: Ports, image: ImageRow, copies: Sequence[Location]) -> Copy | None:
    """Return the first copy that its store has as it was stored."""
    troubled = False
    for copy in copies:
        name = copy.store
        try:
            store = ports.catalog.get(name)
            async with asyncio.timeout(ports.settings.api.patience_seconds):
                size = await store.size(copy.key)
        except (NotFound, StoreError, TimeoutError) as error:  # not configured any more, away, or hanging
            reason = error.message if isinstance(error, GlimpseError) else "the store does not answer"
            log.warning("a copy can not be read", image=image.id, store=name, reason=reason)
            troubled = True
            continue
        if size is not None and size == image.size:
            return Copy(image, store, copy.key, size)
        what = "a copy is gone" if size is None else "a copy is damaged"
        log.error(what, image=image.id, store=name, key=told(copy.key))
        troubled = troubled or size is not None
    if troubled:
        raise StoreError(f"no store gives the bytes of image {image.id}")
    return None


def _check_preferred(ports: Ports, preferred: Sequence[str]) -> None:
    if preferred and not ports.settings.api.multi_store:
        raise Invalid("prefer names stores, and there are none with names here")
    for name in preferred:
        if name not in ports.catalog.names:
            raise Invalid(f"there is no store {name}; there are {', '.join(ports.catalog.names)}")


def _named_store(ports: Ports, name: str | None) -> Store:
    if name is None or not ports.settings.api.multi_store:
        return ports.catalog.get(ports.catalog.default)
    if name not in ports.catalog.names:
        raise Invalid(f"there is no store {name}; there are {', '.join(ports.catalog.names)}")
    return ports.catalog.get(name)


async def _begin(
    ports: Ports, caller: Caller, image_id: str, announced: Announced, store: Store
) -> tuple[ImageRow, int, str]:
    """Take the image, and write the row of the copy before its first byte."""
    key = f"{image_id}/{uuid.uuid4().hex}"
    async with ports.database.transaction(caller.actor) as tx:
        await quotas.require_room(tx, asked_first(ports, caller), announced.size or 0)
        seen = await seeing.lock(tx, caller, image_id)
        ports.policy.require("upload_image", seen)
        image = seen.image
        if image.status is not Status.QUEUED:
            raise Conflict(f"image {image_id} is {image.status}: only a queued one takes bytes")
        if image.disk_format is None or image.container_format is None:
            raise Invalid("set disk_format and container_format before the upload: they say what the bytes are")
        if store.read_only:
            raise Gone(f"store {store.name} takes no bytes: name another one")  # IMG-409
        check_size(ports, announced)
        await blobs.doom_staged(tx, image_id)  # what a failed import left is dropped (IMG-721)
        blob = await blobs.insert(tx, image_id, store.name, key, seconds(ports.settings.scrubber.abandoned_seconds))
        await quotas.reserve(tx, quotas.of_stored(ports.settings, image.owner), [blob], announced.size)
        row = await rows.move(tx, replace(image, staged_until=None), Status.SAVING, Mover.API)
        await usage.require_movable(tx, ports.settings.limits, image.owner)
        await tx.emit(
            UploadStarted(subject=row.id, version=row.version, image=document(row), previous={"status": image.status})
        )
    return row, blob, key


async def _activate(
    ports: Ports,
    caller: Caller,
    image_id: str,
    blob: int,
    store: str,
    measured: Measured,
    virtual_size: int | None,
    signature: Signature | None,
) -> None:
    algorithm = ports.settings.images.hashing_algorithm
    async with ports.database.transaction(caller.actor) as tx:
        image = await rows.find_locked(tx, image_id)
        if image is None or image.status is not Status.SAVING or not await blobs.mark_stored(tx, [blob], measured.size):
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
        if signature is not None:
            told = signature.told(measured.digests, datetime.now(UTC))
            row = replace(row, service_properties=row.service_properties | told)
        row = await rows.move(tx, row, Status.ACTIVE, Mover.API)
        shown = document(row)
        await tx.emit(ImageUploaded(subject=row.id, image=shown))  # no version of its own: one move, one version
        await tx.emit(
            ImageActivated(subject=row.id, version=row.version, image=shown, previous={"status": image.status})
        )


async def _give_back(ports: Ports, caller: Caller, image_id: str, blob: int, reason: str) -> None:
    """Make the image queued again, if this upload still had it."""
    async with ports.database.transaction(caller.actor) as tx:
        image = await rows.find_locked(tx, image_id)
        if not await blobs.doom(tx, blob):
            await blobs.release(tx, blob)
        elif image is not None and image.status is Status.SAVING:
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


def check_size(ports: Ports, announced: Announced) -> None:
    """Raise TooLarge for more bytes than an image may have, before the first of them (IMG-404)."""
    cap = ports.settings.images.size_cap_bytes
    if announced.size is not None and announced.size > cap:
        raise TooLarge(f"images have at most {cap} bytes, and {announced.size} were announced")


def asked_first(ports: Ports, caller: Caller) -> list[Quota]:
    """Return what is asked before anybody looks for the image (AC-17); an administrator's bytes may be another's."""
    return (
        quotas.of_stored(ports.settings, caller.project)
        if ports.settings.limits.enabled and not caller.is_admin
        else []
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


async def given_back(image_id: str, work: Coroutine[Any, Any, None]) -> None:
    """Do the work of giving an image back, to its end, however often we are cancelled meanwhile.

    Raises nothing: the client hears what came before, and what can not be done now `rescue` does later.
    """
    giving = asyncio.create_task(work)
    while not giving.done():
        with contextlib.suppress(asyncio.CancelledError):  # whatever brought us here is raised next
            await asyncio.wait([giving])
    try:
        giving.result()
    except Unavailable as error:
        log.warning(NOT_GIVEN_BACK, image=image_id, reason=error.message)
    except asyncio.CancelledError:  # the loop itself ends
        log.warning(NOT_GIVEN_BACK, image=image_id, reason="the process ended")
    except Exception:
        log.exception(NOT_GIVEN_BACK, image=image_id)


def why(error: BaseException) -> str:
    """Say in an event why bytes could not be taken, without what only operators should read."""
    if isinstance(error, GlimpseError) and not isinstance(error, StoreError | Unavailable):
        return error.message
    return "the transfer broke off"
