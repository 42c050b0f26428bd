"""The copies of one image, read again and held against what is recorded; what is wrong is told, never overwritten."""

import asyncio
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from glimpse.database import blobs, images
from glimpse.database.blobs import Location
from glimpse.database.pool import Actor
from glimpse.errors import NotFound, StoreError, TooLarge
from glimpse.image import ImageRow, changes, document
from glimpse.stores.measure import Measure, Measured
from schemas.events import CorruptionDetected, ImageHashed
from schemas.vocabulary import Status
from services.importer.hashing.pace import Pace
from services.importer.ports import Ports

ACTOR = Actor(service="importer")
READABLE = (Status.ACTIVE, Status.DEACTIVATED)


@dataclass(frozen=True, slots=True)
class Corruption:
    """A copy that is not what the image says."""

    image_id: str
    store: str
    reason: str


async def examine(ports: Ports, image_id: str, algorithm: str | None, pace: Pace) -> list[Corruption]:
    """Read every copy; tell of those that are not what is recorded, and with `algorithm` record what is not.

    Raises StoreError when a store can not be read now. Nothing happens to an image that is gone, or has no bytes.
    """
    async with ports.database.reading() as reader:
        image = await images.find(reader, image_id)
        copies = await blobs.list_copies(reader, image_id)
    if image is None or image.status not in READABLE or not copies:
        return []
    wanted = list(dict.fromkeys(each for each in (image.os_hash_algo, algorithm) if each))
    measured = [(copy, await _measured(ports, image, copy, wanted, pace)) for copy in copies]
    wrong = [
        (copy, Corruption(image_id, copy.store, reason))
        for copy, found in measured
        if (reason := _difference(image, found)) is not None
    ]
    whole = [found for _copy, found in measured if isinstance(found, Measured)]
    if not wrong and any(found.digests != whole[0].digests for found in whole):
        reason = "the copies in the stores of this image are not the same, and nothing says which of them is right"
        wrong = [(copy, Corruption(image_id, copy.store, reason)) for copy in copies]
    if wrong:
        await _tell(ports, image, wrong)
    elif algorithm is not None:
        await _record(ports, image, algorithm, whole[0])
    return [corruption for _copy, corruption in wrong]


async def _measured(
    ports: Ports, image: ImageRow, copy: Location, algorithms: Sequence[str], pace: Pace
) -> Measured | str:
    """Read a copy to its end, or to where it has more than it may; returns why there is none. Raises StoreError."""
    measure = Measure(algorithms, limit=image.size)
    longest = ports.settings.import_.deadline_hours * 3600 + pace.seconds(image.size or 0)
    try:
        chunks = ports.catalog.get(copy.store).read(copy.key)
        passing = measure.passing(pace.keeping(chunks))
        async with asyncio.timeout(longest), contextlib.aclosing(passing) as each:  # type: ignore[type-var]  # an async generator behind it
            async for _chunk in each:
                pass
    except NotFound:
        return "its bytes are not there"
    except TooLarge:
        return f"it has more than the {image.size} bytes that are recorded"
    except TimeoutError:
        raise StoreError(f"store {copy.store} did not give a copy in the time that one try may take") from None
    return measure.result()


def _difference(image: ImageRow, found: Measured | str) -> str | None:
    """Say what is recorded otherwise; None when nothing is."""
    if isinstance(found, str):
        return found
    if image.size is not None and found.size != image.size:
        return f"it has {found.size} bytes, but {image.size} are recorded"
    recorded = {"md5": image.checksum}
    if image.os_hash_algo:
        recorded[image.os_hash_algo] = image.os_hash_value
    for name, value in recorded.items():
        if value is not None and found.digests[name] != value:
            return f"its {name} is {found.digests[name]}, but {value} is recorded"
    return None


async def _tell(ports: Ports, image: ImageRow, wrong: Sequence[tuple[Location, Corruption]]) -> None:
    """Tell of copies that are still what they were when they were read: one that was deleted meanwhile is none."""
    async with ports.database.transaction(ACTOR) as tx:
        still = {(copy.id, copy.key) for copy in await blobs.list_copies(tx, image.id)}
        for copy, each in wrong:
            if (copy.id, copy.key) in still:
                await tx.emit(CorruptionDetected(subject=image.id, store=each.store, reason=each.reason))


async def _record(ports: Ports, image: ImageRow, algorithm: str, found: Measured) -> None:
    """Fill in what is not recorded, or is with another algorithm; an image that changed meanwhile stays as it is."""
    async with ports.database.transaction(ACTOR) as tx:
        row = await images.find_locked(tx, image.id)
        if row is None or row.status not in READABLE:
            return
        if (row.size, row.checksum, row.os_hash_value) != (image.size, image.checksum, image.os_hash_value):
            return
        hashed = replace(
            row,
            size=found.size,
            checksum=found.checksum,
            os_hash_algo=algorithm,
            os_hash_value=found.digests[algorithm],
        )
        if hashed == row:
            return
        saved = await images.save(tx, hashed, quietly=True)  # nobody changed anything: it is known better now
        await tx.emit(
            ImageHashed(subject=row.id, version=saved.version, image=document(saved), previous=changes(row, saved))
        )
