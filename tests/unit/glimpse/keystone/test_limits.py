"""Which of the limits that an identity service lists counts for us."""

import itertools

import pytest
from pydantic import ValidationError

from glimpse.keystone import limits

NUMBERS = {None: 500, "one": 10, "two": 20}


def said(region, number, **more):
    return {"resource_name": "image_count_total", "region_id": region, "default_limit": number, **more}


# IMG-637
@pytest.mark.parametrize(("region", "expected"), [("one", 10), ("two", 20), ("three", 500), (None, 500)])
def test_the_limit_of_our_region_beats_that_of_all_in_whatever_order_they_are_listed(region, expected):
    for listed in itertools.permutations(said(where, number) for where, number in NUMBERS.items()):
        assert limits.here(limits.Registered, listed, region)[-1].default_limit == expected


def test_without_a_region_of_ours_or_a_limit_of_all_the_order_is_that_of_the_names():
    for listed in itertools.permutations([said("one", 10), said("two", 20)]):
        assert [each.region_id for each in limits.here(limits.Registered, listed, None)] == ["one", "two"]


def test_other_resources_do_not_count():
    assert limits.here(limits.Registered, [said(None, 5, resource_name="cores")], None) == []


@pytest.mark.parametrize("wrong", [said(None, None), said(None, -2), said(None, "5"), said(None, 1.5), {}, None, "x"])
def test_a_limit_that_makes_no_sense_is_none_that_counts(wrong):
    with pytest.raises(ValidationError):
        limits.here(limits.Registered, [wrong], None)
