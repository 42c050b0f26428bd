"""The lifecycle table, move for move, against the contract."""

import itertools
import re
from pathlib import Path

import pytest

from glimpse import lifecycle
from glimpse.errors import IllegalMove
from glimpse.lifecycle import MOVES, Mover
from schemas.vocabulary import Status

CONTRACT = Path(__file__).parents[3] / "docs" / "contract"

API, IMPORTER, SCRUBBER = Mover.API, Mover.IMPORTER, Mover.SCRUBBER

# Said once more, by hand, from images.md section 7.2 and the plan for who works on what.
ALLOWED = {
    ("queued", "saving"): {API},  # IMG-220
    ("saving", "active"): {API},  # IMG-220
    ("saving", "queued"): {API, SCRUBBER},  # IMG-221; the scrubber when the API died
    ("queued", "uploading"): {API},  # IMG-222
    ("uploading", "queued"): {API, SCRUBBER},  # IMG-223
    ("uploading", "importing"): {API},  # IMG-224
    ("queued", "importing"): {API, IMPORTER},  # IMG-225, IMG-229
    ("importing", "active"): {IMPORTER},  # IMG-224, IMG-225, IMG-229
    ("importing", "queued"): {IMPORTER, SCRUBBER},  # IMG-226, IMG-705
    ("queued", "active"): {API, IMPORTER},  # IMG-228, IMG-229
    ("active", "deactivated"): {API},  # IMG-230
    ("deactivated", "active"): {API},  # IMG-231
    ("queued", "deleted"): {API},  # IMG-232
    ("saving", "deleted"): {API},  # IMG-232
    ("uploading", "deleted"): {API},  # IMG-232
    ("importing", "deleted"): {API},  # IMG-232
    ("active", "deleted"): {API},  # IMG-232
    ("deactivated", "deleted"): {API},  # IMG-232
    ("killed", "deleted"): {API},  # IMG-232
    ("queued", "pending_delete"): {API},  # IMG-714
    ("saving", "pending_delete"): {API},  # IMG-714
    ("uploading", "pending_delete"): {API},  # IMG-714
    ("importing", "pending_delete"): {API},  # IMG-714
    ("active", "pending_delete"): {API},  # IMG-233
    ("deactivated", "pending_delete"): {API},  # IMG-714, OP-5
    ("pending_delete", "deleted"): {SCRUBBER},  # IMG-233
    ("pending_delete", "active"): {SCRUBBER},  # IMG-234
    ("pending_delete", "deactivated"): {SCRUBBER},  # IMG-716
    ("pending_delete", "queued"): {SCRUBBER},  # IMG-716: deleted with a stored copy before it was ever active
}

# Where the plan goes further than the reference's own table (operations.md 0.1), and where it stays behind.
BEYOND_THE_REFERENCE = {
    *((live, "pending_delete") for live in ("queued", "saving", "uploading", "importing", "deactivated")),
    ("deactivated", "active"),  # IMG-231: that table forgets it
    ("pending_delete", "deactivated"),
    ("pending_delete", "queued"),
}
NOT_TAKEN_OVER = {("saving", "killed")}  # OP-4


@pytest.mark.rule("OP-1")
@pytest.mark.parametrize("mover", list(Mover))
@pytest.mark.parametrize(("source", "target"), list(itertools.product(Status, Status)))
def test_a_move_is_allowed_exactly_when_the_contract_says_so(source: Status, target: Status, mover: Mover) -> None:
    if mover in ALLOWED.get((source.value, target.value), set()):
        lifecycle.check(source, target, mover)
    else:
        with pytest.raises(IllegalMove, match=f"an image that is {source} can not become {target} by the {mover}"):
            lifecycle.check(source, target, mover)


@pytest.mark.rule("OP-1", "OP-4")
def test_the_moves_are_those_of_the_reference_with_the_differences_named() -> None:
    moves = {(source.value, target.value) for source, target in MOVES}
    assert moves == (_moves_of_the_reference() | BEYOND_THE_REFERENCE) - NOT_TAKEN_OVER


@pytest.mark.rule("IMG-216", "OP-4")
def test_nothing_becomes_killed() -> None:
    assert not [move for move in MOVES if move[1] is Status.KILLED]


@pytest.mark.rule("IMG-218")
def test_deleted_is_the_end() -> None:
    assert not [move for move in MOVES if move[0] is Status.DELETED]


def test_an_active_image_never_loses_its_bytes_and_lives_on() -> None:
    assert {target for source, target in MOVES if source is Status.ACTIVE} == {
        Status.DEACTIVATED,
        Status.PENDING_DELETE,
        Status.DELETED,
    }


@pytest.mark.parametrize("status", [Status.SAVING, Status.UPLOADING, Status.IMPORTING, Status.PENDING_DELETE])
def test_what_a_crash_can_leave_is_moved_on_by_the_scrubber(status: Status) -> None:
    assert [target for (source, target), movers in MOVES.items() if source is status and SCRUBBER in movers]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.DELETED])
def test_no_status_is_a_dead_end(status: Status) -> None:
    reached, waiting = {status}, [status]
    while waiting:
        here = waiting.pop()
        onward = {target for source, target in MOVES if source is here} - reached
        reached |= onward
        waiting += onward
    assert Status.DELETED in reached


def test_every_move_has_somebody_who_makes_it() -> None:
    assert all(MOVES.values())


def _moves_of_the_reference() -> set[tuple[str, str]]:
    section = (CONTRACT / "operations.md").read_text().partition("### 0.1")[2].partition("* **OP-1**")[0]
    rows = re.findall(r"^\| (\w+) \| (.+) \|$", section, re.MULTILINE)
    assert {source for source, _ in rows[1:]} == set(Status)
    return {(source, target) for source, targets in rows for target in re.findall(r"[a-z_]+", targets)} & set(
        itertools.product(Status, Status)
    )
