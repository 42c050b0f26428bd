"""Whether everything that requests need can be reached: the database, and each store."""

import asyncio

from glimpse.database import clock
from services.api.ports import Ports


async def problems(ports: Ports) -> dict[str, str]:
    """Return what is wrong, by the name of the part; nothing when all is well."""
    patience = ports.settings.api.patience_seconds

    async def database() -> None:
        async with asyncio.timeout(patience), ports.database.reading() as reader:
            await clock.now(reader)

    parts = {"database": database, **{store.name: store.check for store in ports.catalog.all()}}
    found = await asyncio.gather(*(ports.probes.problem(name, ask, patience) for name, ask in parts.items()))
    return {name: problem for name, problem in zip(parts, found, strict=True) if problem is not None}
