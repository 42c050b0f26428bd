"""Stores by name: who may know of them, how full they may get, and a copy in one of them let go (sections 23, 24)."""

from collections.abc import Mapping
from dataclasses import replace

from glimpse import usage
from glimpse.database import blobs
from glimpse.database import images as rows
from glimpse.errors import Conflict, Forbidden, NotFound
from glimpse.image import document
from schemas.events import ImageUpdated
from schemas.vocabulary import Status
from services.api.actions import seeing
from services.api.caller import Caller
from services.api.ports import Ports


def require_names(ports: Ports) -> None:
    """Raise NotFound where stores have no names (IMG-559, IMG-569)."""
    if not ports.settings.api.multi_store:
        raise NotFound("stores have no names here")


def require_detail(ports: Ports, caller: Caller) -> None:
    """Raise Forbidden unless the caller may know what the stores are (IMG-570)."""
    ports.policy.require_plainly(caller, "stores_info_detail", {})


async def used(ports: Ports, caller: Caller) -> Mapping[str, Mapping[str, int]]:
    """Return how much the caller's project uses of its limits (IMG-577)."""
    async with ports.database.reading() as reader:
        return await usage.used(reader, ports.settings.limits, caller.project)


async def delete_copy(ports: Ports, caller: Caller, image_id: str, store: str) -> None:
    """Let the copy in one store go: at once for everybody, while the scrubber removes its bytes (IMG-730)."""
    if store not in ports.catalog.names:
        raise Conflict(f"there is no store {store}; there are {', '.join(ports.catalog.names)}")
    async with ports.database.transaction(caller.actor) as tx:
        seen = await seeing.lock(tx, caller, image_id)
        for rule in ("get_image_location", "delete_image_location"):
            ports.policy.require(rule, seen)
        image = seen.image
        if image.status is not Status.ACTIVE:
            raise Conflict(f"image {image_id} is {image.status}: single copies of active images only can be deleted")
        if len(image.stores) < 2:
            raise Forbidden(f"image {image_id} has no other copy than this: delete the image instead")
        if store not in image.stores:
            raise NotFound(f"image {image_id} has no copy in store {store}")
        await blobs.doom_copy(tx, image_id, store)
        row = await rows.save(tx, replace(image, stores=[name for name in image.stores if name != store]))
        previous = {"stores": ",".join(image.stores)}
        await tx.emit(ImageUpdated(subject=row.id, version=row.version, image=document(row), previous=previous))
