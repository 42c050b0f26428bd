"""Which bytes are asked for: whatever a client sends, a part of the image or a refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.errors import BadRange, Invalid
from services.api import ranges

SIZES = st.integers(0, 2**63 - 1)
NUMBERS = st.one_of(st.integers(0, 2**64).map(str), st.just(""), st.just("0" * 5000 + "7"), st.just("9" * 5000))


@pytest.mark.rule("IMG-422", "IMG-423", "IMG-424", "IMG-426")
@given(st.data(), st.integers(1, 2**40))
def test_a_part_that_exists_is_exactly_what_was_asked_for(data, size):
    first = data.draw(st.integers(0, size - 1))
    last = data.draw(st.integers(first, size - 1))
    part = ranges.part({"Range": f"bytes={first}-{last}"}, size)
    assert (part.first, part.last, part.length) == (first, last, last - first + 1)
    assert part == ranges.part({"Content-Range": f"bytes {first}-{last}/{size}"}, size)
    assert part.content_range == f"bytes {first}-{last}/{size}"


@pytest.mark.rule("IMG-425", "IMG-427")
@given(st.integers(0, 2**64), st.integers(1, 2**40))
def test_the_end_of_an_image_is_never_more_than_the_image(wanted, size):
    part = ranges.part({"Range": f"bytes=-{wanted}"}, size)
    assert part.last == size - 1
    assert part.length == (min(wanted, size) or size)


@pytest.mark.rule("IMG-429", "IMG-430", "IMG-431", "IMG-432", "IMG-435")
@given(
    st.sampled_from(["Range", "Content-Range"]),
    st.one_of(
        st.text(),
        st.builds("bytes={}-{}".format, NUMBERS, NUMBERS),
        st.builds("bytes {}-{}/{}".format, NUMBERS, NUMBERS, st.one_of(NUMBERS, st.just("*"))),
    ),
    SIZES,
)
def test_whatever_is_sent_is_a_part_of_the_image_or_refused(field, text, size):
    try:
        part = ranges.part({field: text}, size)
    except (BadRange, Invalid):
        return
    assert 0 <= part.first <= part.last < size


def test_without_a_range_the_whole_is_asked_for():
    assert ranges.part({}, 10) is None
