"""Words about many things."""

import pytest

from services.api.actions.metadefs import naming


@pytest.mark.parametrize(
    ("wanted", "made", "name"),
    [(["a", "b", "c"], ["a", "c"], "b"), (["a", "a"], ["a"], "a"), ({"x": {"y": 1}}, [], "x"), (["a", "b"], [], "a")],
)
def test_the_first_name_that_was_taken_is_found(wanted, made, name):
    assert naming.taken(wanted, made) == name


def test_things_are_counted_as_people_do():
    assert naming.counted({"objects": 1, "tags": 0, "properties": 3}) == "1 object, 3 properties"
    assert naming.counted({"associations": 0}) == ""
