"""What each way of knowing who asks needs."""

import pytest
from pydantic import ValidationError

from glimpse.settings import Auth, Settings

URL = {"keystone_url": "http://127.0.0.1:5000/v3"}
USER = {"keystone_username": "glimpse", "keystone_password": "p"}
CREDENTIAL = {"keystone_application_credential_id": "i", "keystone_application_credential_secret": "s"}


@pytest.mark.parametrize("told", [URL | USER, URL | CREDENTIAL])
def test_the_identity_service_can_be_asked(told):
    assert Auth.model_validate({"mode": "keystone", **told}).keystone_url


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ({}, "keystone_url"),
        (USER, "keystone_url"),
        (URL, "keystone_username"),
        (URL | {"keystone_username": "glimpse"}, "keystone_password"),
        (URL | {"keystone_application_credential_id": "i"}, "keystone_application_credential_secret"),
        (USER | {"keystone_url": "127.0.0.1:5000"}, "https://host"),
    ],
)
def test_what_is_missing_to_ask_it_is_said(told, missing):
    with pytest.raises(ValidationError) as refused:
        Auth.model_validate({"mode": "keystone", **told})
    assert missing in str(refused.value)


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ({"mode": "jwt"}, "jwt_issuer"),
        ({"mode": "jwt", "jwt_issuer": "https://id"}, "jwt_audience"),
        ({"mode": "jwt", "jwt_issuer": "https://id", "jwt_audience": ["a"], "jwt_algorithms": []}, "jwt_algorithms"),
        ({"mode": "jwt", "jwt_issuer": "https://id", "jwt_audience": ["a"], "jwt_algorithms": ["none"]}, "RS256"),
        ({"mode": "jwt", "jwt_issuer": "https://id", "jwt_audience": ["a"], "jwt_algorithms": ["HS256"]}, "RS256"),
        ({"mode": "static"}, "static_file"),
    ],
)
def test_what_the_other_modes_need_is_said(told, missing):
    with pytest.raises(ValidationError) as refused:
        Auth.model_validate(told)
    assert missing in str(refused.value)


@pytest.mark.rule("IMG-19")
def test_limits_that_are_kept_elsewhere_must_be_to_be_asked_for():
    kept = {"enabled": True, "source": "keystone"}
    assert Settings.model_validate({"limits": kept, "auth": URL | USER}).limits.source == "keystone"
    assert Settings.model_validate({"limits": kept | {"enabled": False}}).limits.source == "keystone"
    with pytest.raises(ValidationError, match=r"limits\.source is keystone, which needs, in \[auth\], keystone_url"):
        Settings.model_validate({"limits": kept})
