"""docs/lifecycle.md: the table in `glimpse/lifecycle.py`, drawn and written out."""

from collections.abc import Iterable

from glimpse.lifecycle import MOVES, Mover
from schemas.vocabulary import GONE, Status

FIRST = Status.QUEUED
LAST = Status.DELETED

BEGINNING = """\
# The life of an image

Made by `make schemas` from `glimpse/lifecycle.py`; do not edit it by hand.

An image begins as `{first}` and ends as `{last}`. Nothing moves it in any other way than these: whoever moves an image
locks its row, checks the move against this table, writes the new status and tells the fact, all in one transaction.
Clients never see {gone}: to them such an image is not there.
"""


def page() -> str:
    """Return the whole page as Markdown."""
    gone = " or ".join(f"`{status}`" for status in Status if status in GONE)
    beginning = BEGINNING.format(first=FIRST, last=LAST, gone=gone)
    return "\n".join([beginning, "```mermaid", *_diagram(), "```", "", *_table(), ""])


def _diagram() -> Iterable[str]:
    yield "stateDiagram-v2"
    yield f"    [*] --> {FIRST}: {Mover.API}"
    for (source, target), movers in MOVES.items():
        if target != LAST:
            yield f"    {source} --> {target}: {_names(movers)}"
    live = ", ".join(source for source, target in MOVES if target == LAST and source not in GONE)
    yield f"    {Status.PENDING_DELETE} --> {LAST}: {_names(MOVES[Status.PENDING_DELETE, LAST])}"
    yield f"    {LAST} --> [*]"
    yield f"    note right of {LAST}: without a stored copy also straight from {live}"


def _table() -> Iterable[str]:
    yield "| from \\ to | " + " | ".join(Status) + " |"
    yield "|---" * (len(Status) + 1) + "|"
    for source in Status:
        cells = (_names(MOVES.get((source, target), ())) for target in Status)
        yield f"| **{source}** | " + " | ".join(cells) + " |"


def _names(movers: Iterable[Mover]) -> str:
    return ", ".join(sorted(movers))
