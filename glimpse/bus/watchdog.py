"""The watchdog of a group's reader: who hears nothing for long, though there is something to hear, must end.

Kafka's drivers have been seen to fall silent after a rebalance or a broker's death, with no error at all. A new process
is cured of that; so the old one says what is wrong with it, and ends.
"""

import time

import structlog

from glimpse import settings
from glimpse.bus import lag
from glimpse.errors import Stuck, Unavailable

log = structlog.get_logger()


class Watchdog:
    """Looks at Kafka from outside whenever its reader has heard nothing for a while."""

    def __init__(self, bus: settings.Bus, group: str) -> None:
        self._bus = bus
        self._group = group
        self._looked = time.monotonic()
        self._missed: dict[int, int] = {}
        """Where the group was, in the partitions that had more, at the last look."""

    def heard(self) -> None:
        """Say that there was something, or that nobody expects anything."""
        self._looked = time.monotonic()
        self._missed = {}

    async def look(self, partitions: set[int]) -> None:
        """Look when it is time to. Raises Stuck when the group has not moved since the last look, and should have.

        Only `partitions` are looked at, if there are any: the others may be those of a reader that is slow.
        """
        if time.monotonic() - self._looked < self._bus.kafka_watchdog_seconds:
            return
        self._looked = time.monotonic()
        try:
            found = await lag.of_group(self._bus, self._group)
        except Unavailable as error:
            log.warning("waiting", loop=f"{self._group} news", reason=error.message)
            return
        missed = {
            number: each.committed
            for number, each in found.items()
            if each.behind and (number in partitions or not partitions)
        }
        stuck = sorted(number for number in missed if self._missed.get(number) == missed[number])
        self._missed = missed
        if stuck:
            raise Stuck(
                f"{self._group} has heard nothing for {self._bus.kafka_watchdog_seconds:g} seconds, though there is "
                f"something to hear in partitions {', '.join(map(str, stuck))} of {len(found)}: its process must end"
            )
