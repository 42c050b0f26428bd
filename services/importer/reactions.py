"""Facts that the importer listens to. News only wakes it: what is due is in the tasks table."""

from glimpse.bus.consumer import Reactions
from glimpse.database.pool import Transaction
from schemas.events import Event, ImportRequested
from services.importer.ports import Ports


def reactions(ports: Ports) -> Reactions:
    """Return what is done about each fact."""

    async def wake(_tx: Transaction, _event: Event) -> None:
        ports.wake.set()

    return {ImportRequested: wake}
