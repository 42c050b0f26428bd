"""Images whose time is over: claimed, their copies doomed, and `deleted` when the last copy is gone.

A purge begins by marking the image under its row's lock, which no restore can undo; a restore marks it likewise, and
whoever is first wins. The bytes are deleted afterwards, copy by copy (doomed.py); with the row of the last one the
image moves, in one transaction, so that nothing hangs in between.
"""

import structlog

from glimpse.database import blobs, images
from glimpse.database.pool import Transaction
from glimpse.image import ImageRow, changes, document, remains
from glimpse.lifecycle import Mover
from glimpse.settings import seconds
from schemas.events import ImagePurged
from schemas.vocabulary import Status
from services.scrubber.ports import ACTOR, Ports
from services.scrubber.queries import deleted

log = structlog.get_logger()


async def run_once(ports: Ports) -> int:
    """Begin the purge of every image that is due; return how many."""
    begun = 0
    while not ports.stopping.is_set():
        async with ports.database.transaction(ACTOR) as tx:
            due = await deleted.claim_due(tx, ports.settings.scrubber.batch)
            await _begin(tx, due)
        if not due:
            break
        log.info("purge begins", images=due)
        ports.doomed.set()
        begun += len(due)
    return begun


async def take_again(ports: Ports) -> int:
    """Go on with purges that nothing moves on any more, as when an operator removed the row of a copy (OP-75)."""
    taken = 0
    while not ports.stopping.is_set():
        async with ports.database.transaction(ACTOR) as tx:
            left = await deleted.claim_left_over(
                tx, ports.settings.scrubber.batch, seconds(ports.settings.scrubber.claim_seconds)
            )
            await _begin(tx, left)
        if not left:
            break
        log.warning("purge goes on", images=left)
        ports.doomed.set()
        taken += len(left)
    return taken


async def end(tx: Transaction, image: ImageRow) -> None:
    """Move a locked image of which no copy is left, and take what users said about it away."""
    row = await images.move(tx, remains(image), Status.DELETED, Mover.SCRUBBER)
    await deleted.delete_members(tx, image.id)
    await tx.emit(ImagePurged(subject=row.id, version=row.version, image=document(row), previous=changes(image, row)))
    log.info("image purged", image=image.id)


async def _begin(tx: Transaction, image_ids: list[str]) -> None:
    """Doom every copy of claimed images; those that have none end at once."""
    await blobs.doom_of_images(tx, image_ids)
    for image_id in await deleted.list_without_copies(tx, image_ids):
        image = await images.find_locked(tx, image_id)
        assert image is not None, "it is claimed, so its row is there and ours"
        await end(tx, image)
