"""What pages of other origins are told."""

import pytest

from glimpse.settings import Cors
from services.api import cors

KNOWN = Cors(allowed_origins=("https://horizon.example.test",))
EVERYBODY = Cors(allowed_origins=("*",), allow_credentials=False)
ASKED = {"Origin": "https://horizon.example.test", "Access-Control-Request-Method": "PUT"}


@pytest.mark.rule("AC-72")
@pytest.mark.parametrize(
    ("origin", "rules", "told"),
    [
        (None, KNOWN, None),
        ("https://other.example.test", KNOWN, None),
        ("https://HORIZON.example.test", KNOWN, None),  # as text
        ("https://horizon.example.test", Cors(), None),
        ("https://horizon.example.test", KNOWN, "https://horizon.example.test"),
        ("https://other.example.test", EVERYBODY, "*"),
    ],
)
def test_only_known_origins_are_told_anything(origin, rules, told):
    fields = cors.fields(origin, rules)
    assert fields.get("Access-Control-Allow-Origin") == told
    assert bool(fields) is bool(told)


@pytest.mark.rule("AC-72")
def test_a_known_origin_may_read_what_is_exposed():
    assert cors.fields("https://horizon.example.test", KNOWN) == {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": "https://horizon.example.test",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Expose-Headers": "X-Image-Meta-Checksum,X-Auth-Token,X-Subject-Token,X-Service-Token,"
        "X-OpenStack-Request-ID",
    }


@pytest.mark.rule("AC-72")
def test_a_browser_that_asks_beforehand_is_told_what_it_asked_for():
    headers = {**ASKED, "Access-Control-Request-Headers": "x-auth-TOKEN, content-type"}
    assert cors.preflight(headers, KNOWN) == {
        "Vary": "Origin",
        "Access-Control-Allow-Origin": "https://horizon.example.test",
        "Access-Control-Allow-Credentials": "true",
        "Access-Control-Max-Age": "3600",
        "Access-Control-Allow-Methods": "PUT",
        "Access-Control-Allow-Headers": "x-auth-TOKEN,content-type",
    }


@pytest.mark.rule("AC-72")
@pytest.mark.parametrize(
    "change",
    [
        {"Origin": "https://other.example.test"},
        {"Access-Control-Request-Method": "OPTIONS"},
        {"Access-Control-Request-Method": ""},
        {"Access-Control-Request-Headers": "X-Auth-Token, X-Unheard-Of"},
    ],
)
def test_a_browser_that_may_not_do_all_of_it_is_told_nothing(change):
    assert cors.preflight(ASKED | change, KNOWN) == {}
