"""Take an image out of use, and put it back (section 14 of the contract)."""

from glimpse.database import images as rows
from glimpse.errors import Forbidden
from glimpse.image import document
from glimpse.lifecycle import Mover
from schemas.events import ImageDeactivated, ImageEvent, ImageReactivated
from schemas.vocabulary import Status
from services.api.actions import seeing
from services.api.caller import Caller
from services.api.ports import Ports

IN_USE = frozenset({Status.ACTIVE, Status.DEACTIVATED})


async def deactivate(ports: Ports, caller: Caller, image_id: str) -> None:
    """Leave an image's bytes to administrators alone."""
    await _switch(ports, caller, image_id, "deactivate", Status.DEACTIVATED, ImageDeactivated)


async def reactivate(ports: Ports, caller: Caller, image_id: str) -> None:
    """Let everybody who may have the bytes again."""
    await _switch(ports, caller, image_id, "reactivate", Status.ACTIVE, ImageReactivated)


async def _switch(
    ports: Ports, caller: Caller, image_id: str, rule: str, target: Status, fact: type[ImageEvent]
) -> None:
    async with ports.database.transaction(caller.actor) as tx:
        seen = await seeing.lock(tx, caller, image_id)
        ports.policy.require(rule, seen)
        image = seen.image
        if image.status not in IN_USE:
            raise Forbidden(f"Not allowed to {rule} image in status '{image.status}'")
        if image.status is target:  # said twice (IMG-384)
            return
        row = await rows.move(tx, image, target, Mover.API)
        await tx.emit(fact(subject=row.id, version=row.version, image=document(row), previous={"status": image.status}))
