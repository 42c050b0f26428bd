"""What is read of a token, and what makes it none."""

import pytest

from glimpse.errors import Invalid
from services.api.identity.keystone import tokens

USER = {"id": "u", "name": "n", "domain": {"id": "d", "name": "D"}}
OVER = "2026-01-02T03:04:05.000000Z"


def read(**members):
    return tokens.parsed({"token": {"expires_at": OVER, "user": USER, **members}})


@pytest.mark.rule("AC-63")
@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({}, {"project": None, "domain": None, "system_scope": None, "roles": (), "is_admin_project": True}),
        ({"project": {"id": "p", "domain": {"id": "e"}}}, {"project": "p", "project_domain": "e"}),
        ({"domain": {"id": "e"}}, {"domain": "e", "project": None}),
        ({"system": {"all": True}}, {"system_scope": "all"}),
        ({"system": {"all": False}}, {"system_scope": None}),
        ({"is_admin_project": False}, {"is_admin_project": False}),
        ({"roles": [{"id": "1", "name": "Admin"}, {"name": "reader"}]}, {"roles": ("Admin", "reader")}),
        ({"catalog": [{"type": "image", "endpoints": []}, {}]}, {"services": frozenset({"image", ""})}),
        ({"application_credential": {"id": "c"}}, {"access_rules": None}),
        ({"application_credential": {"access_rules": []}}, {"access_rules": ()}),
    ],
)
def test_scope_and_roles_are_read(members, found):
    token = read(**members)
    assert {name: getattr(token, name) for name in found} == found
    assert (token.user, token.user_domain, token.expires_at) == ("u", "d", 1767323045)


@pytest.mark.rule("AC-68")
def test_what_a_token_is_bound_to_is_passed_over():
    assert read(bind={"kerberos": ["ann@EXAMPLE"], "x509": []}) == read()


@pytest.mark.rule("AC-63")
@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"token": None},
        {"token": {"user": USER}},
        {"token": {"expires_at": OVER}},
        {"token": {"expires_at": OVER, "user": {"name": "n"}}},
        {"token": {"expires_at": "soon", "user": USER}},
        {"token": {"expires_at": OVER, "user": USER, "roles": [{"id": "1"}]}},
        {"token": {"expires_at": OVER, "user": USER, "roles": ["admin"]}},
        {"token": {"expires_at": OVER, "user": {"id": ""}}},
    ],
)
def test_without_what_must_be_there_it_is_no_token(body):
    with pytest.raises(Invalid):
        tokens.parsed(body)


@pytest.mark.rule("AC-64")
@pytest.mark.parametrize(("now", "is_over"), [(1767323044.9, False), (1767323045, True), (1767323046, True)])
def test_a_token_is_over_when_its_time_has_come(now, is_over):
    assert read().is_over(now) is is_over
