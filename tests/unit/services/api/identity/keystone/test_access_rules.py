"""Which calls an access rule allows."""

import pytest

from services.api.identity.keystone.access_rules import AccessRule


@pytest.mark.rule("AC-67")
@pytest.mark.parametrize(
    ("path", "called", "is_allowed"),
    [
        ("/v2/images", "/v2/images", True),
        ("/v2/images", "/v2/images/", False),
        ("/v2/images", "/v2/images/x", False),
        ("/v2/images", "/x/v2/images", False),
        ("/v2/images/*", "/v2/images/x", True),
        ("/v2/images/*", "/v2/images/x/file", False),
        ("/v2/images/*", "/v2/images/", False),
        ("/v2/images/{image_id}/file", "/v2/images/x/file", True),
        ("/v2/images/{image_id}/file", "/v2/images/x/y/file", False),
        ("/v2/**", "/v2/images/x/file", True),
        ("/v2/**", "/v3/images", False),
        ("**", "/anything", True),
        ("/v2/im.ges", "/v2/images", False),
    ],
)
def test_a_path_may_have_places_in_it(path, called, is_allowed):
    assert AccessRule("image", "GET", path).allows("image", "GET", called) is is_allowed


@pytest.mark.rule("AC-67")
@pytest.mark.parametrize(("service", "method"), [("compute", "GET"), ("image", "POST"), ("image", "get")])
def test_another_service_or_method_is_another_call(service, method):
    assert not AccessRule("image", "GET", "/v2/images").allows(service, method, "/v2/images")
