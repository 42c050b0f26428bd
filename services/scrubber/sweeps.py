"""The timetable: what the scrubber looks after, and how often."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from glimpse.errors import Unavailable
from glimpse.process import Sweep
from glimpse.settings import seconds
from services.scrubber import doomed, orphans, purge, rescue, restore, retention
from services.scrubber.ports import Ports

log = structlog.get_logger()


def sweeps(ports: Ports) -> list[Sweep]:
    """Return everything that is done by the clock; facts wake the first three before their time."""
    rules = ports.settings.scrubber
    often = seconds(rules.sweep_seconds)
    return [
        Sweep("restore", _patient("restore", ports, restore.run_once), often, ports.asked_back),
        Sweep("purge", _patient("purge", ports, purge.run_once), often, ports.deleted),
        Sweep("delete", _patient("delete", ports, doomed.run_once), often, ports.doomed),
        Sweep("rescue", _patient("rescue", ports, rescue.run_once), seconds(min(30, rules.abandoned_seconds / 4))),
        Sweep("unfinished", _patient("unfinished", ports, purge.take_again), seconds(rules.claim_seconds)),
        Sweep("tasks", _patient("tasks", ports, retention.remove_expired_tasks), timedelta(minutes=10)),
        Sweep("orphans", _patient("orphans", ports, orphans.run_once), timedelta(hours=1)),
    ]


def _patient(name: str, ports: Ports, run_once: Callable[[Ports], Awaitable[int]]) -> Callable[[], Awaitable[int]]:
    """Let a sweep come back later when the database is away: all that it does can wait."""

    async def swept() -> int:
        try:
            return await run_once(ports)
        except Unavailable as error:
            log.warning("a sweep has to wait", sweep=name, reason=error.message)
            return 0

    return swept
