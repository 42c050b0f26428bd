"""Which paths there are, and which methods they have."""

import pytest

from schemas.metadef_discovery import DOCUMENTS
from services.api.metadef_routes import METADEFS

NAMESPACE = "/v2/metadefs/namespaces/OS::Test"

ALLOWED = [
    ("/v2/metadefs/namespaces", "GET, POST"),
    (NAMESPACE, "GET, PUT, DELETE"),
    (f"{NAMESPACE}/resource_types", "GET, POST"),
    (f"{NAMESPACE}/resource_types/x", "DELETE"),
    ("/v2/metadefs/resource_types", "GET"),
    (f"{NAMESPACE}/objects", "GET, POST, DELETE"),
    (f"{NAMESPACE}/properties", "GET, POST, DELETE"),
    (f"{NAMESPACE}/tags", "GET, POST, DELETE"),
    (f"{NAMESPACE}/objects/x", "GET, PUT, DELETE"),
    (f"{NAMESPACE}/properties/x", "GET, PUT, DELETE"),
    (f"{NAMESPACE}/tags/x", "GET, POST, PUT, DELETE"),
    *((f"/v2/schemas/metadefs/{kind}", "GET") for kind in DOCUMENTS),  # IMG-598
]


def test_every_route_is_in_the_table():
    assert len(METADEFS) == len(ALLOWED)
    for path, _allowed in ALLOWED:
        assert [route for route in METADEFS if _fits(route, path.split("/")[2:])], path


def _fits(route, segments):
    return len(route.pattern) == len(segments) and route.names_in(segments) is not None


@pytest.mark.rule("MD-11")
async def test_a_method_that_a_path_does_not_have_is_answered_with_those_it_has(admin):
    for path, allowed in ALLOWED:
        for method in ("HEAD", "GET", "POST", "PUT", "DELETE", "PATCH"):
            if method not in allowed.split(", "):
                answer = await admin.ask(method, path)
                assert (answer.status, answer.headers["Allow"]) == (405, allowed), (method, path)


@pytest.mark.rule("MD-1")
@pytest.mark.parametrize(
    "path",
    [
        "/v2/metadefs",
        "/v2/metadefs/",
        "/v2/metadefs/namespaces/",
        f"{NAMESPACE}/",
        f"{NAMESPACE}/tags/",
        f"{NAMESPACE}/tags/a/b",
        f"{NAMESPACE}/tags/a%2Fb",
        f"{NAMESPACE}/colours",
        "/v2/metadefs/resource_types/x",
        "/v2/schemas/metadefs",
        "/v2/schemas/metadefs/colours",
        "/v2/metadefs/namespaces/%00",
    ],
)
async def test_what_is_no_path_is_not_found(admin, make, path):
    await make()
    assert (await admin.get(path)).status == 404
