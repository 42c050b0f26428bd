"""Asking for a deleted image back: the one way for the API and for the command line.

The mark bars every purge from the moment it is committed, so a yes is a promise. The scrubber does the rest.
"""

from dataclasses import replace

from glimpse.database import clock, images
from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, NotFound
from glimpse.image import ImageRow, document
from schemas.events import RestoreRequested
from schemas.vocabulary import Status


async def request(tx: Transaction, image_id: str) -> ImageRow:
    """Mark a deleted image as asked for, and tell it; asking again changes nothing.

    Raises NotFound when there is no such image or nothing is left of it, Conflict when it is not deleted or its
    purge has begun (IMG-719, IMG-720, IMG-732).
    """
    image = await images.find_locked(tx, image_id)
    if image is None or image.status is Status.DELETED:
        raise NotFound(f"no deleted image {image_id} is left to restore")
    if image.status is not Status.PENDING_DELETE:
        raise Conflict(f"image {image_id} is {image.status}: only a deleted image can be restored")
    if image.purge_started_at is not None:
        raise Conflict(f"the bytes of image {image_id} are being deleted for good: it can not be restored any more")
    if image.restore_requested_at is not None:
        return image
    now = await clock.now(tx)
    row = await images.save(tx, replace(image, restore_requested_at=now), quietly=True)
    await tx.emit(RestoreRequested(subject=row.id, version=row.version, image=document(row)))
    return row
