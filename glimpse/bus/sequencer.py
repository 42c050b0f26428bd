"""The sequencer: whoever leads gives each event its position."""

import asyncio

from glimpse import settings
from glimpse.database.pool import Database


async def follow(database: Database, bus: settings.Bus, stop: asyncio.Event) -> None:
    """Lead when nobody else does, until asked to stop; then let another lead at once."""
    raise NotImplementedError(database, bus, stop)
