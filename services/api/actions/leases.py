"""Copies on their way stay ours: their leases are renewed, and whoever writes what was taken away is stopped."""

import structlog

from glimpse.database import blobs
from glimpse.errors import Unavailable
from glimpse.settings import seconds
from services.api.ports import Ports

log = structlog.get_logger()


async def renew(ports: Ports) -> int:
    """Renew the lease of everything this process is writing; returns how much of it was lost."""
    ours = set(ports.in_flight.writers)
    if not ours:
        return 0
    try:
        async with ports.database.transaction() as tx:
            kept = await blobs.renew(tx, list(ours), seconds(ports.settings.scrubber.abandoned_seconds))
    except Unavailable as error:  # uploads go on: whether they were given up shows when they end
        log.warning("can not renew leases", reason=error.message)
        return 0
    ports.in_flight.lose(ours - kept)
    return len(ours - kept)
