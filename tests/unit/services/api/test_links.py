"""Links between the pages of a list."""

import pytest
from aiohttp.test_utils import make_mocked_request

from glimpse.errors import Invalid
from services.api import links


@pytest.mark.parametrize(
    ("query", "marker", "link"),
    [
        ([], None, "/v2/images"),
        ([], "m", "/v2/images?marker=m"),
        ([("limit", "2"), ("name", "a b:,")], None, "/v2/images?limit=2&name=a+b%3A%2C"),  # IMG-277
        ([("marker", "old"), ("limit", "2")], "new", "/v2/images?limit=2&marker=new"),  # IMG-277
        ([("tag", "a"), ("tag", "b")], None, "/v2/images?tag=a&tag=b"),  # IMG-708
    ],
)
def test_a_link_is_the_query_but_for_where_the_page_begins(query, marker, link):
    assert links.page("/v2/images", query, marker) == link


def test_a_query_is_read_in_its_order_with_empty_values():
    request = make_mocked_request("GET", "/v2/images?b=&a=1&b=%C3%A9+x")
    assert links.query_of(request) == [("b", ""), ("a", "1"), ("b", "é x")]


@pytest.mark.parametrize("query", ["name=%FF", "%FF=1", "name=a%00"])
def test_what_is_no_text_is_refused(query):  # IMG-92
    with pytest.raises(Invalid):
        links.query_of(make_mocked_request("GET", f"/v2/images?{query}"))
