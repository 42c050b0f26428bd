"""The token of our own: how it is asked for, where to ask with it, and when it is time for another one."""

import time

import pytest

from glimpse.errors import Unavailable
from glimpse.keystone import own
from glimpse.settings import Auth


def rules(**more):
    told = {"keystone_url": "http://id:5000", "keystone_username": "glimpse", "keystone_password": "p"}
    return Auth.model_validate({"mode": "keystone"} | told | more)


@pytest.mark.rule("AC-62")
@pytest.mark.parametrize("url", ["http://id/identity", "http://id/identity/", "http://id/identity/v3"])
def test_version_three_is_spoken(url):
    assert own.versioned(url) == "http://id/identity/v3"


@pytest.mark.rule("AC-62")
def test_we_say_who_we_are():
    auth = own.request(rules(keystone_user_domain_id="u-d"))["auth"]
    user = {"name": "glimpse", "domain": {"id": "u-d"}, "password": "p"}
    assert auth["identity"] == {"methods": ["password"], "password": {"user": user}}
    assert auth["scope"] == {"project": {"name": "service", "domain": {"name": "Default"}}}


def grant(catalogue=(), life="2026-01-02T04:04:05Z", **more):
    token = {"issued_at": "2026-01-02T03:04:05Z", "expires_at": life, "catalog": catalogue}
    return own.granted("t", {"token": token}, time.monotonic(), rules(**more))


def endpoint(url, interface="internal", region="one"):
    return {"url": url, "interface": interface, "region": region}


CATALOGUE = [
    {"type": "image", "endpoints": [endpoint("http://image")]},
    {
        "type": "identity",
        "endpoints": [
            endpoint("http://public", "public"),
            endpoint("http://inside"),
            endpoint("http://far", region="two"),
        ],
    },
]


@pytest.mark.rule("AC-62")
@pytest.mark.parametrize(
    ("told", "url"),
    [
        ({}, "http://inside/v3"),
        ({"keystone_region": "two"}, "http://far/v3"),
        ({"keystone_interface": "public"}, "http://public/v3"),
        ({"keystone_interface": "admin"}, "http://id:5000/v3"),
        ({"keystone_region": "three"}, "http://id:5000/v3"),
    ],
)
def test_the_catalogue_says_where_to_ask(told, url):
    assert grant(CATALOGUE, **told).endpoint == url


@pytest.mark.rule("AC-62")
def test_it_is_renewed_before_it_ends():
    fresh, short = grant(), grant(life="2026-01-02T03:04:06Z")
    assert 0.85 < (fresh.due_at - time.monotonic()) / (fresh.ends_at - time.monotonic()) < 0.95
    assert not fresh.is_due()
    assert short.is_due()
    assert not short.later().is_due()
    assert "t'" not in repr(fresh)


@pytest.mark.parametrize("body", [None, {}, {"token": {"issued_at": "x", "expires_at": "y"}}])
def test_an_answer_that_is_not_understood_is_none(body):
    with pytest.raises(Unavailable, match="not understood"):
        own.granted("t", body, 0, rules())


def test_a_time_without_a_zone_is_in_utc():
    assert own.moment("2026-01-02T03:04:05") == own.moment("2026-01-02T04:04:05+01:00")
