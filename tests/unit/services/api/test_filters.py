"""What a query string of a list means."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.errors import Invalid
from glimpse.settings import Api
from services.api import filters
from services.api.filters import Comparison

RULES = Api(limit_param_default=25, api_limit_max=1000)


def wanted(*query):
    return filters.wanted(query, RULES)


@pytest.mark.rule("IMG-313")
@pytest.mark.rule("IMG-314")
@pytest.mark.parametrize(
    ("query", "order"),
    [
        ([], "created_at desc, id desc"),
        ([("sort_dir", "asc")], "created_at asc, id asc"),
        ([("sort_key", "name")], "name desc, created_at desc, id desc"),
        ([("sort_key", "name"), ("sort_dir", "asc")], "name asc, created_at asc, id asc"),
        ([("sort_key", "name"), ("sort_key", "size")], "name desc, size desc, created_at desc, id desc"),
        (
            [("sort_key", "name"), ("sort_key", "size"), ("sort_dir", "asc")],
            "name asc, size asc, created_at asc, id asc",
        ),
        (
            [("sort_key", "name"), ("sort_dir", "asc"), ("sort_key", "size"), ("sort_dir", "desc")],
            "name asc, size desc, created_at desc, id desc",
        ),
        ([("sort_key", "created_at"), ("sort_dir", "asc")], "created_at asc, id asc"),
        ([("sort_key", "id"), ("sort_dir", "asc")], "id asc"),  # what follows the id can not matter
        ([("sort_key", "id"), ("sort_key", "name")], "id desc"),
        ([("sort", "name")], "name desc, created_at desc, id desc"),  # IMG-290
        ([("sort", "name:asc")], "name asc, created_at desc, id desc"),
        ([("sort", "name:asc,size")], "name asc, size desc, created_at desc, id desc"),
        ([("sort", "created_at:asc")], "created_at asc, id desc"),
        ([("sort", "name:asc,size:desc,name:desc")], "name asc, size desc, created_at desc, id desc"),
        ([("sort", "name"), ("sort", "size")], "size desc, created_at desc, id desc"),  # IMG-305
    ],
)
def test_an_order_always_ends_with_the_id(query, order):
    assert ", ".join(f"{key} {direction}" for key, direction in wanted(*query).sort) == order


@pytest.mark.rule("IMG-308")
@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("a", ["a"]),
        ("a,b", ["a", "b"]),
        ("", [""]),
        ("a,", ["a", ""]),
        (",", ["", ""]),
        ('"a,b",c', ["a,b", "c"]),
        ('a,"b,c"', ["a", "b,c"]),
        (r'"say \"a\"",b', ['say "a"', "b"]),
        ('""', [""]),
        (" a , b ", [" a ", " b "]),
        ("a:b", ["a:b"]),
    ],
)
def test_a_list_of_values_is_split_at_its_commas(text, values):
    assert filters.listed(text) == values


@pytest.mark.rule("IMG-308")
@pytest.mark.parametrize("text", ['"a', 'a"', 'a"b', '"a"b', '"a" ,b', 'a,"', '"a\\"', 'a,b"c,d', '"a""b"'])
def test_a_quote_that_is_not_closed_or_stands_inside_is_refused(text):
    with pytest.raises(Invalid):
        filters.listed(text)


@given(st.lists(st.text(), min_size=1))
def test_every_list_of_values_can_be_written_down(values):
    quoted = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    assert filters.listed(quoted) == values


@pytest.mark.rule("IMG-292")
@pytest.mark.rule("IMG-310")
@pytest.mark.parametrize(
    ("text", "operator", "moment"),
    [
        ("2026-01-01", "=", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-01-01T12:00:00Z", "=", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01T12:00:00", "=", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("2026-01-01 12:00:00.5", "=", datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)),
        ("gt:2026-01-01T01:00:00+02:00", ">", datetime(2025, 12, 31, 23, tzinfo=UTC)),
        ("gte:2026-01-01", ">=", datetime(2026, 1, 1, tzinfo=UTC)),
        ("lt:2026-01-01", "<", datetime(2026, 1, 1, tzinfo=UTC)),
        ("lte:2026-01-01", "<=", datetime(2026, 1, 1, tzinfo=UTC)),
        ("eq:2026-01-01", "=", datetime(2026, 1, 1, tzinfo=UTC)),
        ("neq:2026-01-01", "<>", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_times_are_compared_in_utc(text, operator, moment):
    assert wanted(("created_at", text)).comparisons == (Comparison("created_at", operator, moment),)


@pytest.mark.rule("IMG-291")
@pytest.mark.rule("IMG-309")
@pytest.mark.parametrize("name", ["name", "id", "status", "container_format", "disk_format"])
@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [
        ("a", "=", "a"),
        ("", "=", ""),  # IMG-307
        ("eq:a", "=", "a"),
        ("eq:in:a", "=", "in:a"),
        ("eq:", "=", ""),
        ("in:a,b", "any", ["a", "b"]),
        ('in:"a:b"', "any", ["a:b"]),
        ("2026-01-01T12:00:00", "=", "2026-01-01T12:00:00"),  # a whole ISO time is no operator
        ("2026-01-01T12:00:00Z", "=", "2026-01-01T12:00:00Z"),
    ],
)
def test_a_colon_in_a_text_is_an_operator(name, text, operator, value):
    assert wanted((name, text)).comparisons == (Comparison(name, operator, value),)


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=6))
def test_no_query_breaks_its_reading(query):
    with contextlib.suppress(Invalid):
        filters.wanted(query, RULES)


NAMES = ["limit", "sort", "sort_key", "sort_dir", "name", "id", "created_at", "size", "size_min", "min_disk", "tag"]
NAMES += ["visibility", "member_status", "os_hidden", "protected", "owner", "changes-since", "marker", "foo_max"]
VALUES = ["", "1", "-1", "in:", 'in:"', "gt:", "name:asc", ",", "true", "all", "0001-01-01T00:00:00+23:59", "9" * 400]


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES) | st.text(max_size=8)), max_size=6))
def test_no_query_of_known_names_breaks_its_reading(query):
    with contextlib.suppress(Invalid):
        filters.wanted(query, RULES)
