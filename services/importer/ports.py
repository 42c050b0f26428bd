"""What the importer needs from outside."""

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from glimpse.database.pool import Database
from glimpse.settings import Settings
from glimpse.stores.catalog import Catalog
from services.importer.scratch import Scratch


@dataclass(frozen=True)
class Ports:
    """Built once in `main`; tests build it of the same parts."""

    database: Database
    catalog: Catalog
    scratch: Scratch
    settings: Settings
    worker: str
    """The name under which this process holds leases; no other process ever had it."""
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when there may be a due task."""


def scratch_root(settings: Settings) -> Path:
    """Return the folder that conversions work in."""
    return settings.import_.scratch_dir or Path(tempfile.gettempdir()) / "glimpse-scratch"
