"""Facts that the scrubber listens to. News only wakes it: what is due is in the rows of images and blobs."""

from glimpse.bus.consumer import Reactions
from glimpse.database.pool import Transaction
from schemas.events import Event, ImageDeleted, RestoreRequested
from services.scrubber.ports import Ports


def reactions(ports: Ports) -> Reactions:
    """Return what is done about each fact."""

    async def purge(_tx: Transaction, _event: Event) -> None:
        ports.deleted.set()
        ports.doomed.set()  # of an image without a stored copy, what was on its way is left

    async def restore(_tx: Transaction, _event: Event) -> None:
        ports.asked_back.set()

    return {ImageDeleted: purge, RestoreRequested: restore}
