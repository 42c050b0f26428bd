"""What the scrubber needs from outside."""

import asyncio
from dataclasses import dataclass, field

from glimpse.database.pool import Actor, Database
from glimpse.settings import Settings
from glimpse.stores.catalog import Catalog

ACTOR = Actor(service="scrubber")
"""Who does what nobody asked for just now."""


@dataclass(frozen=True)
class Ports:
    """Built once in `main`; tests build it of the same parts."""

    database: Database
    catalog: Catalog
    settings: Settings
    worker: str
    """The name under which this process holds leases; no other process ever had it."""
    deleted: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be an image to purge."""
    asked_back: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be an image to restore."""
    doomed: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be bytes to delete."""
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is to stop; a long look ends early then."""
