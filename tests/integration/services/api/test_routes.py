"""Which methods answer on which path, and what is said of the others (sections 4.2, 4.3 and 30 of the contract)."""

import pytest

from services.api.metadef_routes import METADEFS
from services.api.routes import ROUTES

AN_ID = "11111111-2222-4333-8444-555555555555"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "PROPFIND")
NOT_FOUND = None

TABLE = [
    # path, methods, Allow of a 405; none where it is a 404 instead
    ("IMG-661", "/images", "GET POST", "GET, POST"),
    ("IMG-662", f"/images/{AN_ID}", "GET PATCH DELETE", "GET, PATCH, DELETE"),
    ("IMG-663", f"/images/{AN_ID}/tasks", "GET", NOT_FOUND),  # IMG-79
    ("IMG-664", f"/images/{AN_ID}/import", "POST", "POST"),
    ("IMG-665", f"/images/{AN_ID}/stage", "PUT", "PUT"),
    ("IMG-666", f"/images/{AN_ID}/file", "GET PUT", "GET, PUT"),
    ("IMG-667", f"/images/{AN_ID}/locations", "GET POST", "POST"),  # IMG-80
    ("IMG-668", f"/images/{AN_ID}/actions/deactivate", "POST", "POST"),
    ("IMG-668", f"/images/{AN_ID}/actions/reactivate", "POST", "POST"),
    ("IMG-719", f"/images/{AN_ID}/actions/restore", "POST", "POST"),
    ("IMG-742", "/images/deleted", "GET", NOT_FOUND),
    ("IMG-669", f"/images/{AN_ID}/tags/a", "PUT DELETE", "PUT, DELETE"),
    ("IMG-670", f"/images/{AN_ID}/members", "GET POST", "GET, POST"),
    ("IMG-671", f"/images/{AN_ID}/members/p2", "GET PUT DELETE", "GET, PUT, DELETE"),
    ("IMG-672", f"/stores/fast/{AN_ID}", "DELETE", "DELETE"),
    ("IMG-673", "/tasks", "GET POST", "GET, POST"),
    ("IMG-674", f"/tasks/{AN_ID}", "GET DELETE", "GET, DELETE"),
    ("IMG-675", "/info/import", "GET", "GET"),
    ("IMG-675", "/info/stores", "GET", "GET"),
    ("IMG-675", "/info/stores/detail", "GET", "GET"),
    ("IMG-676", "/info/usage", "GET", NOT_FOUND),  # IMG-79
    ("IMG-677", "/schemas/image", "GET", "GET"),
    ("IMG-677", "/schemas/images", "GET", "GET"),
    ("IMG-677", "/schemas/member", "GET", "GET"),
    ("IMG-677", "/schemas/members", "GET", "GET"),
    ("IMG-677", "/schemas/task", "GET", "GET"),
    ("IMG-677", "/schemas/tasks", "GET", "GET"),
]


def test_every_route_is_in_the_table():
    paths = {row[1].strip("/").replace(AN_ID, "{}") for row in TABLE}
    named = {"fast": "{}", "a": "{}", "p2": "{}"}
    known = {tuple(named.get(part, part) for part in path.split("/")) for path in paths}
    routes = [route for route in ROUTES if route not in METADEFS]  # those have a table of their own
    assert known == {tuple("{}" if part.startswith("{") else part for part in route.pattern) for route in routes}


@pytest.mark.parametrize("version", ["v2", "v2.5"])  # IMG-5
async def test_other_methods_are_told_which_ones_work(api, version):
    """Before any rule is asked (IMG-83): this caller may do nothing at all."""
    nobody = api.person("p9", roles="x")
    for rule, path, methods, allow in TABLE:
        for method in METHODS:
            if method in methods.split():
                continue
            answer = await nobody.ask(method, f"/{version}{path}")
            found = (answer.status, answer.headers.get("Allow"))
            assert found == ((404, None) if allow is NOT_FOUND else (405, allow)), (rule, method)  # IMG-78, IMG-682
            assert method != "HEAD" or not answer.content  # IMG-76


async def test_who_has_no_token_is_told_nothing(api, an_id):  # IMG-83, IMG-106
    unknown = api.person()
    unknown.headers["X-Identity-Status"] = "Invalid"
    for method, path in (("HEAD", "/images"), ("PUT", f"/images/{an_id}"), ("GET", "/nothing"), ("PROPFIND", "/no")):
        assert (await unknown.ask(method, f"/v2{path}")).status == 401


@pytest.mark.rule("IMG-77")
async def test_a_path_that_leads_nowhere_is_not_found_whatever_the_method(owner, an_id):
    for path in ("/nothing", "/images/", f"/images/{an_id}/", f"/images/{an_id}/nothing", "/info", "/info/import/"):
        for method in METHODS[:-1]:
            assert (await owner.ask(method, f"/v2{path}")).status == 404
        assert (await owner.ask("PROPFIND", f"/v2{path}")).status == 501  # IMG-81
    assert (await owner.ask("POST", f"/v2/images/{an_id}/actions/explode")).status == 404  # IMG-389
    assert (await owner.get("/v2/images/a%2Fb")).status == 404  # IMG-82


BODYLESS = [
    ("GET", f"/images/{AN_ID}"),  # IMG-84, IMG-273
    ("DELETE", f"/images/{AN_ID}"),
    ("GET", f"/images/{AN_ID}/tasks"),
    ("POST", f"/images/{AN_ID}/actions/deactivate"),
    ("POST", f"/images/{AN_ID}/actions/reactivate"),
    ("POST", f"/images/{AN_ID}/actions/restore"),  # IMG-731
    ("GET", f"/images/{AN_ID}/file"),
    ("PUT", f"/images/{AN_ID}/tags/a"),
    ("DELETE", f"/images/{AN_ID}/tags/a"),
    ("GET", f"/images/{AN_ID}/members"),
    ("GET", f"/images/{AN_ID}/members/p2"),
    ("DELETE", f"/images/{AN_ID}/members/p2"),
    ("GET", "/info/import"),
    ("GET", "/info/stores"),
    ("GET", "/info/stores/detail"),
    ("DELETE", f"/stores/fast/{AN_ID}"),
    ("GET", "/schemas/image"),
    ("GET", "/schemas/images"),
    ("GET", "/schemas/member"),
    ("GET", "/schemas/members"),
    ("GET", "/info/usage"),  # IMG-85 and IMG-707, from here
    ("GET", f"/tasks/{AN_ID}"),
    ("DELETE", f"/tasks/{AN_ID}"),
    ("GET", "/schemas/task"),
    ("GET", "/schemas/tasks"),
]


async def test_where_no_body_is_due_one_is_refused_before_anything_is_looked_for(admin):
    async def chunked():
        yield b"x"

    for method, path in BODYLESS:
        for body in (b"x", b"{}"):
            answer = await admin.ask(method, f"/v2{path}", body)
            assert answer.status == 400, (method, path)
            assert b"A body is not expected with this request." in answer.content
        if method in ("POST", "PUT"):
            assert (await admin.ask(method, f"/v2{path}", chunked())).status == 400, (method, path)


async def test_an_empty_body_is_none(admin):  # IMG-84
    for method, path in BODYLESS:
        answer = await admin.ask(method, f"/v2{path}", headers={"Content-Length": "0"})
        assert answer.status != 400, (method, path)


@pytest.mark.rule("IMG-85")
@pytest.mark.rule("IMG-318")
async def test_lists_ignore_a_body(admin):
    for path in ("/images", "/tasks"):
        assert (await admin.get(f"/v2{path}", body=b"{}")).status == 200
