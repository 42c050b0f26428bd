"""Whether everything that requests need can be reached: the database, and each store."""

import asyncio

from glimpse.database import clock
from glimpse.errors import GlimpseError
from services.api.ports import Ports

PATIENCE_SECONDS = 5.0


async def problems(ports: Ports) -> dict[str, str]:
    """Return what is wrong, by the name of the part; nothing when all is well."""
    parts = {"database": _database(ports), **{store.name: store.check() for store in ports.catalog.all()}}
    found = await asyncio.gather(
        *(asyncio.wait_for(part, PATIENCE_SECONDS) for part in parts.values()), return_exceptions=True
    )
    return {name: _told(error) for name, error in zip(parts, found, strict=True) if error is not None}


async def _database(ports: Ports) -> None:
    async with ports.database.reading() as reader:
        await clock.now(reader)


def _told(error: object) -> str:
    if isinstance(error, GlimpseError):
        return type(error).__name__  # the text has paths and addresses in it; the log has them, too
    return "does not answer"
