"""What was found of one dependency."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """How a dependency is."""

    OK = "ok"
    WARNING = "warning"
    """Glimpse works, and something should be seen to."""
    FAILED = "failed"
    """Glimpse does not work, or a part of it does not."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report."""

    part: str
    state: State
    text: str
    """What there is, or what is wrong."""
    remedy: str | None = None
    """What to do about it."""
    is_silent: bool = False
    """It did not answer, and a thread of ours may wait for it still."""


def ok(part: str, text: str) -> Finding:
    """Say that nothing is to be done."""
    return Finding(part, State.OK, text)


def warning(part: str, text: str, remedy: str) -> Finding:
    """Say what should be seen to."""
    return Finding(part, State.WARNING, text, remedy)


def failed(part: str, text: str, remedy: str, *, is_silent: bool = False) -> Finding:
    """Say what keeps Glimpse from its work."""
    return Finding(part, State.FAILED, text, remedy, is_silent)
