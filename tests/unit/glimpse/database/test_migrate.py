"""Which revisions are due, and how far a phase goes; no database is asked."""

import pytest

from glimpse.database import migrate
from glimpse.database.migrate import Phase, Revision
from glimpse.errors import Conflict

KNOWN = [
    Revision("0001", Phase.EXPAND),
    Revision("0002", Phase.EXPAND),
    Revision("0003", Phase.MIGRATE),
    Revision("0004", Phase.CONTRACT),
    Revision("0005", Phase.EXPAND),
]


def ids(revisions):
    return [revision.id for revision in revisions]


def test_an_empty_database_lacks_everything_and_one_at_the_head_nothing():
    assert migrate.missing(None, KNOWN) == KNOWN
    assert ids(migrate.missing("0003", KNOWN)) == ["0004", "0005"]
    assert not migrate.missing("0005", KNOWN)


def test_a_database_that_is_newer_is_no_database_to_change():
    with pytest.raises(Conflict, match="newer Glimpse"):
        migrate.missing("0006", KNOWN)


@pytest.mark.rule("OP-83")
@pytest.mark.parametrize(
    ("phase", "since", "done"),
    [
        (Phase.EXPAND, None, ["0001", "0002"]),
        (Phase.MIGRATE, None, ["0001", "0002", "0003"]),
        (Phase.CONTRACT, None, ["0001", "0002", "0003", "0004", "0005"]),
        (Phase.EXPAND, "0002", []),  # what expands later waits for what is before it
        (Phase.MIGRATE, "0002", ["0003"]),
        (Phase.EXPAND, "0004", ["0005"]),
        (Phase.CONTRACT, "0005", []),
    ],
)
def test_a_phase_goes_as_far_as_the_first_of_a_later_one(phase, since, done):
    assert ids(migrate.up_to(phase, migrate.missing(since, KNOWN))) == done


def test_every_revision_says_its_phase():
    assert [revision.phase for revision in migrate.revisions()[:3]] == [Phase.EXPAND] * 3
