"""What whoever leads does: give each event its position, and, where there is a Kafka, send it there."""

import asyncio

from glimpse import process, settings
from glimpse.bus import pace
from glimpse.bus.sequencer import Sequencer
from glimpse.database.pool import Database


async def follow(database: Database, bus: settings.Bus, stop: asyncio.Event) -> None:
    """Lead when nobody else does, until asked to stop; then let another lead at once."""
    leading = Sequencer(database, bus)
    loops: dict[str, process.Loop] = {"sequencer": leading.keep_on}
    if bus.kafka_bootstrap is not None:
        loops["publisher"] = _publishing(database, bus, leading)
    await process.run(loops, stop)


def _publishing(database: Database, bus: settings.Bus, leading: Sequencer) -> process.Loop:
    from glimpse.bus.publisher import Publisher  # and its driver, which is loaded only where there is a Kafka

    publisher = Publisher(database, bus, lambda: leading.leads)

    async def keep_on(stop: asyncio.Event) -> None:
        try:
            await pace.keep_on(publisher.run_once, bus, stop, "publisher", leading.has_moved)
        finally:
            await asyncio.shield(publisher.give_back())

    return keep_on
