"""The only loop that reads news: decode, move the mark, react, all in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from glimpse import settings
from glimpse.database.pool import Database, Transaction
from schemas.events import Event

Reactions = Mapping[type[Event], Callable[[Transaction, Event], Awaitable[None]]]
"""What is done about each fact, in the transaction in which the group passes it."""


async def follow(database: Database, bus: settings.Bus, group: str, reactions: Reactions, stop: asyncio.Event) -> None:
    """React to every fact in its order, as one of a group of readers, until asked to stop."""
    raise NotImplementedError(database, bus, group, reactions, stop)
