"""What a list of tasks is asked for."""

import pytest

from glimpse import settings
from glimpse.errors import Invalid
from services.api.task_filters import WantedTasks, wanted

RULES = settings.Api()
AN_ID = "11111111-2222-4333-8444-555555555555"


def asked(*query):
    return wanted(query, RULES)


def test_by_default_it_is_the_newest_first():  # IMG-582
    assert asked() == WantedTasks(limit=25, marker=None, sort_key="created_at", sort_dir="desc", columns={})


@pytest.mark.rule("IMG-582")
def test_columns_are_filters_and_other_names_are_ignored():
    found = asked(("owner", "p1"), ("status", "success"), ("bogus", "1"), ("type", "import"), ("input", "x"))
    assert found.columns == {"owner": "p1", "status": "success", "type": "import"}


@pytest.mark.parametrize(
    ("sent", "compared"),
    [
        ("2026-03-02T12:00:00Z", "2026-03-02T12:00:00.000000"),
        ("2026-03-02T12:00:00.25+02:00", "2026-03-02T10:00:00.250000"),
        ("2026-03-02", "2026-03-02T00:00:00.000000"),
    ],
)
def test_a_time_is_written_as_the_statement_compares_it(sent, compared):
    assert asked(("created_at", sent)).columns == {"created_at": compared}


def test_of_repeated_ones_the_last_counts_and_limits_are_capped():  # IMG-634
    found = asked(("limit", "5"), ("limit", "99999"), ("sort_key", "id"), ("sort_dir", "asc"), ("marker", AN_ID))
    assert (found.limit, found.sort_key, found.sort_dir, found.marker) == (1000, "id", "asc", AN_ID)


@pytest.mark.rule("IMG-590")
@pytest.mark.parametrize(
    "parameter",
    [
        ("status", "done"),
        ("status", ""),
        ("type", "api_image_import"),  # IMG-582: only import can be asked for
        ("type", "bogus"),
        ("limit", "a"),
        ("limit", ""),
        ("limit", "-1"),
        ("sort_key", "input"),
        ("sort_key", "bogus"),
        ("sort_dir", "up"),
        ("marker", "no-uuid"),
        ("marker", ""),
        ("created_at", "yesterday"),
        ("expires_at", "9999-12-31T23:59:59-01:00"),
    ],
)
def test_what_makes_no_sense_is_refused(parameter):
    with pytest.raises(Invalid):
        asked(parameter)
