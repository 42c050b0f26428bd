"""Facts that the importer listens to. News only wakes it: what is due is in the tasks table."""

from collections.abc import Awaitable, Callable, Mapping

from glimpse.database.pool import Transaction
from schemas.events import Event, ImportRequested
from services.importer.ports import Ports

Reactions = Mapping[type[Event], Callable[[Transaction, Event], Awaitable[None]]]


def reactions(ports: Ports) -> Reactions:
    """Return what is done about each fact."""

    async def wake(_tx: Transaction, _event: Event) -> None:
        ports.wake.set()

    return {ImportRequested: wake}
