"""Let an image go: at once for its owner, while its bytes wait for the scrubber; and ask it back."""

from dataclasses import replace
from datetime import datetime, timedelta

from glimpse import restore as restoring
from glimpse.database import blobs
from glimpse.database import images as rows
from glimpse.errors import Forbidden, NotFound
from glimpse.image import document, remains
from glimpse.lifecycle import Mover
from glimpse.settings import seconds
from schemas.events import ImageDeleted
from schemas.vocabulary import Status
from services.api.actions import seeing
from services.api.caller import Caller
from services.api.policy.policy import Seen
from services.api.ports import Ports
from services.api.queries import members

RESTORABLE = frozenset({Status.ACTIVE, Status.DEACTIVATED})
"""What a restored image can be again; any other becomes queued, since nobody works on it any more (IMG-716)."""


async def delete(ports: Ports, caller: Caller, image_id: str) -> None:
    """Delete an image; with a stored copy it can be restored until `purge_after` (IMG-373 to IMG-383)."""
    async with ports.database.transaction(caller.actor) as tx:
        seen = await seeing.lock(tx, caller, image_id)
        ports.policy.require("delete_image", seen)
        image = seen.image
        if image.protected:
            raise Forbidden(f"Image {image_id} is protected and cannot be deleted.")
        has_copies, now = await blobs.doom_unneeded(tx, image_id)
        purge_after: datetime | None = None
        if has_copies:
            purge_after = now + _grace(ports)
            before = image.status if image.status in RESTORABLE else Status.QUEUED
            row = replace(image, deleted_at=now, status_before=before, purge_after=purge_after, staged_until=None)
            row = await rows.move(tx, row, Status.PENDING_DELETE, Mover.API)
        else:
            row = await rows.move(tx, remains(replace(image, deleted_at=now)), Status.DELETED, Mover.API)
            await members.delete_all(tx, image_id)
        await tx.emit(
            ImageDeleted(
                subject=row.id,
                version=row.version,
                image=document(row),
                previous={"status": image.status},
                purge_after=purge_after,
            )
        )


def _grace(ports: Ports) -> timedelta:
    rules = ports.settings.scrubber
    return seconds(rules.grace_seconds if rules.delayed_delete else 0)


async def restore(ports: Ports, caller: Caller, image_id: str) -> None:
    """Ask a deleted image back; the scrubber gives it (IMG-719). Raises NotFound for all who may not ask (IMG-720)."""
    async with ports.database.transaction(caller.actor) as tx:
        image = await rows.find_locked(tx, image_id)
        if image is None or not ports.policy.allows(caller, "restore_image", Seen(image, caller)):
            raise NotFound(f"no image found with ID {image_id}")
        await restoring.request(tx, image_id)
