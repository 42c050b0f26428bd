"""Which claims say what."""

import pytest

from glimpse.errors import Unauthenticated
from glimpse.settings import Auth
from services.api.identity.jwt import claims


def rules(**told):
    return Auth.model_validate({"mode": "jwt", "jwt_issuer": "https://id", "jwt_audience": ["a"], **told})


@pytest.mark.parametrize(
    ("told", "said", "roles"),
    [
        ({}, {"roles": ["Member", " reader "]}, {"member", "reader"}),
        ({}, {"roles": "member reader"}, {"member", "reader"}),
        ({}, {"roles": "member,reader"}, {"member", "reader"}),
        ({}, {"roles": {"member": True}}, set()),
        ({}, {"roles": ["member", 5, None, ""]}, {"member"}),
        ({}, {}, set()),
        ({"jwt_roles_claim": "realm.roles"}, {"realm": {"roles": ["member"]}}, {"member"}),
        ({"jwt_roles_claim": "realm.roles"}, {"realm": ["roles"]}, set()),
        ({"jwt_roles_claim": "https://a.test/roles"}, {"https://a.test/roles": ["member"]}, {"member"}),
        ({"jwt_roles_claim": "a.b.c"}, {"a": {"b.c": ["member"]}}, {"member"}),
        ({"jwt_roles_prefix": "glimpse:"}, {"roles": ["glimpse:member", "admin"]}, {"member"}),
    ],
)
def test_roles_are_where_the_provider_puts_them(told, said, roles):
    assert claims.caller({"sub": "u", **said}, rules(**told), "r").roles == roles


def test_user_and_project_are_where_the_settings_say():
    told = rules(jwt_user_claim="email", jwt_project_claim="tenant.id")
    found = claims.caller({"sub": "x", "email": "a@b", "tenant": {"id": "p"}}, told, "r")
    assert (found.user, found.project, found.credentials["tenant"]) == ("a@b", "p", "p")
    assert claims.caller({"email": "a@b"}, told, "r").project is None


@pytest.mark.parametrize("said", [{}, {"sub": ""}, {"sub": 5}, {"sub": "u", "project_id": 5}])
def test_a_token_of_nobody_is_none(said):
    with pytest.raises(Unauthenticated):
        claims.caller(said, rules(), "r")
