"""Processes of an earlier `glimpse up` that outlived it: known by a variable of their environment, and ended.

They heard of its death and are on their way out; whoever starts anew needs their port and their database now. Any of
them may be killed at any time. Postgres carries no such variable and is found by its own lock file.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

from glimpse.embedded.directory import Directory
from glimpse.errors import Unavailable

VARIABLE = "GLIMPSE_UP"
LOOK_SECONDS = 0.02
WISHES = ((signal.SIGTERM, 3.0), (signal.SIGKILL, 3.0))


def end(home: Directory) -> int:
    """End what is left of an earlier run on this data directory; return how many processes that was."""
    found = _of(home)
    for wish, seconds in WISHES:
        for pid in _of(home):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, wish)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not _of(home):
                return len(found)
            time.sleep(LOOK_SECONDS)
    raise Unavailable(f"processes of an earlier glimpse up can not be ended: {', '.join(map(str, _of(home)))}")


def _of(home: Directory) -> list[int]:
    mark = f"{VARIABLE}={home.path}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # gone meanwhile, or another user's
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid()]
