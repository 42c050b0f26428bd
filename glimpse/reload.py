"""The settings of a process, and how they are read again when it hears SIGHUP."""

import json
import os
from collections.abc import Callable
from typing import Any

import structlog

from glimpse import telemetry
from glimpse.errors import Invalid
from glimpse.settings import Limits, Settings, leaves, live

log = structlog.get_logger()


class InForce:
    """The settings in force. Whoever reads them anew sees what changed; whoever keeps them keeps what they were."""

    def __init__(self, settings: Settings, read: Callable[[], Settings]) -> None:
        self.settings = settings
        self._stated = settings.limits
        self._read = read

    def know(self, limits: Limits) -> None:
        """Take limits that are not kept in the settings."""
        self.settings = self.settings.model_copy(update={"limits": limits})

    def read_again(self) -> bool:
        """Read the settings as at the start, and take what may change while we run; wrong ones change nothing.

        Returns whether anything changed.
        """
        try:
            found = self._read()
        except Invalid as error:
            log.error("settings are kept", reason=error.message)
            return False
        differing = leaves.differing(self.settings.model_copy(update={"limits": self._stated}), found)
        waiting = [name for name in differing if name not in live.LIVE]
        if waiting:
            log.warning("settings need a restart", settings=waiting)
        log.info("settings are read again", changed=[name for name in differing if name in live.LIVE])
        self._take(live.values(found))
        return len(differing) > len(waiting)

    def told(self) -> bytes:
        """Say to another process of ours what may change: one line."""
        return json.dumps(live.values(self.settings)).encode() + b"\n"

    def hear(self, told: bytes) -> None:
        """Take what another process of ours said; of several lines the last one counts."""
        self._take(json.loads(told.splitlines()[-1]))
        log.info("settings are taken", pid=os.getpid())

    def _take(self, values: dict[str, Any]) -> None:
        self.settings = live.changed(self.settings, values)
        telemetry.set_level(self.settings.log)
