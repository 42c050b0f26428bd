"""What processes of ours say: passed on to our standard error, and the last of it kept for when one dies.

A thread for each, not the event loop: a terminal that stops taking what is written holds up who writes, as it would
without us in between, but not whoever has to stop them.
"""

import contextlib
import json
import os
import sys
import threading
from collections import deque
from collections.abc import Callable

KEPT_LINES = 20
CHUNK = 64 * 1024

Dress = Callable[[bytes], bytes]
"""Makes of whole lines what people see of them; nothing, perhaps."""

_one_at_a_time = threading.Lock()


class Output:
    """A pipe that a process writes to."""

    def __init__(self, dress: Dress) -> None:
        self._dress = dress
        self._last: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._reading, self.writing = os.pipe()
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def handed_over(self) -> None:
        """Close our own end of the pipe, now that the process has its."""
        os.close(self.writing)

    def last_lines(self) -> str:
        """Return what was said last, once whoever spoke is dead."""
        self._thread.join(1)  # a grandchild may hold the pipe open
        return b"\n".join(self._last).decode(errors="replace")

    def _pass_on(self) -> None:
        rest = b""
        while chunk := os.read(self._reading, CHUNK):
            lines, newline, rest = (rest + chunk).rpartition(b"\n")
            if not newline and len(rest) < CHUNK:
                continue
            if not newline:  # a line without an end is not waited for
                lines, rest = rest, b""
            self._say(lines)
        if rest:
            self._say(rest)
        os.close(self._reading)

    def _say(self, lines: bytes) -> None:
        self._last.extend(lines.rsplit(b"\n", KEPT_LINES)[-KEPT_LINES:])
        left = memoryview(self._dress(lines + b"\n"))
        with _one_at_a_time, contextlib.suppress(OSError):  # a terminal that is gone takes nobody down
            while left:
                left = left[os.write(sys.stderr.fileno(), left) :]


def prefixed(name: str) -> Dress:
    """Put the name of who speaks before each line."""
    prefix = f"{name:<9}| ".encode()

    def dress(lines: bytes) -> bytes:
        return prefix + lines[:-1].replace(b"\n", b"\n" + prefix) + b"\n"

    return dress


def as_json(name: str) -> Dress:
    """Make of each line what our own log lines are: an object that says who speaks."""

    def dress(lines: bytes) -> bytes:
        said = lines.decode(errors="replace").splitlines()
        return "".join(json.dumps({"event": line, "service": name}) + "\n" for line in said).encode()

    return dress


def as_they_are(lines: bytes) -> bytes:
    """Change nothing: every line says itself who speaks."""
    return lines
