"""What a proxy says of a request, however odd."""

import pytest
from aiohttp.test_utils import make_mocked_request

from glimpse.settings import Settings
from services.api import forwarded


class Peer:
    """The connection of a proxy that is trusted."""

    def get_extra_info(self, name, default=None):
        return ("10.0.0.9", 4711) if name == "peername" else default


def seen(field):
    settings = Settings.model_validate({"api": {"proxy_headers": True}, "auth": {"trusted_proxies": ["10.0.0.9"]}})
    headers = {"Host": "inner:9292", "Forwarded": field, "X-Forwarded-Host": "elsewhere"}
    found = forwarded.seen(make_mocked_request("GET", "/", headers, transport=Peer()), settings)
    return found.scheme, found.host, found.client


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ('for=1.2.3.4;proto=https;host="a:1", for=x;host=b', ("https", "a:1", "1.2.3.4")),
        ('for="a,b";host=c,for=d', ("http", "c", "a,b")),
        ("for=a,for=b", ("http", "inner:9292", "a")),
        (' For = a ; HOST = c , "', ("http", "c", "a")),
        ('for=a;host="c', ("http", "inner:9292", "a")),  # quotes that nobody closes
        ('for=a;host=c"', ("http", "c", "a")),
        ("", ("http", "inner:9292", "10.0.0.9")),
    ],
)
def test_the_first_element_of_a_forwarded_field_counts(field, expected):
    assert seen(field) == expected


@pytest.mark.parametrize(
    "piece", [",", '"', '"",', ',"', ";", "for=a;", "a" * 8, "a=" + " " * 30, "a=" + " " * 30 + "x y,"]
)
def test_a_field_that_is_longer_than_any_proxy_writes_is_passed_over(piece):
    field = (piece * 65536)[:65535] + '"'
    assert seen(field) == ("http", "inner:9292", "10.0.0.9")


def test_a_field_just_as_long_as_is_read_counts():
    begin = 'for=a,"'
    assert seen(begin + "," * (forwarded.LONGEST - len(begin)))[2] == "a"
    assert seen(begin + "," * (forwarded.LONGEST - len(begin) + 1))[2] == "10.0.0.9"
