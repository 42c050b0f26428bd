"""One tag onto an image, or off it; whole lists of them are a change of metadata (section 20 of the contract)."""

from dataclasses import replace

from glimpse.database import images as rows
from glimpse.database.pool import Transaction
from glimpse.errors import NotFound
from glimpse.image import ImageRow, document
from schemas.events import ImageUpdated
from services.api import limits
from services.api.actions import seeing
from services.api.caller import Caller
from services.api.ports import Ports


async def add(ports: Ports, caller: Caller, image_id: str, tag: str) -> None:
    """Put a tag on; one that is there already changes nothing (IMG-509, IMG-635)."""
    async with ports.database.transaction(caller.actor) as tx:
        image = await _lock(tx, ports, caller, image_id)
        tags = list(dict.fromkeys([*image.tags, tag]))
        limits.check_tags(len(tags), ports.settings.images)
        if tag not in image.tags:
            await _save(tx, image, tags)


async def remove(ports: Ports, caller: Caller, image_id: str, tag: str) -> None:
    """Take a tag off. Raises NotFound when the image does not have it (IMG-514)."""
    async with ports.database.transaction(caller.actor) as tx:
        image = await _lock(tx, ports, caller, image_id)
        if tag not in image.tags:
            raise NotFound(f"image {image_id} has no tag {tag!r}")
        await _save(tx, image, [each for each in image.tags if each != tag])


async def _lock(tx: Transaction, ports: Ports, caller: Caller, image_id: str) -> ImageRow:
    seen = await seeing.lock(tx, caller, image_id)
    ports.policy.require("modify_image", seen)
    return seen.image


async def _save(tx: Transaction, image: ImageRow, tags: list[str]) -> None:
    row = await rows.save(tx, replace(image, tags=tags))
    previous = {"tags": image.tags}
    await tx.emit(ImageUpdated(subject=row.id, version=row.version, image=document(row), previous=previous))
