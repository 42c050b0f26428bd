"""What every request meets: errors in the form asked for, unknown paths and methods, request ids (section 4)."""

import re
import uuid

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOBODY = {"X-Identity-Status": "Invalid"}
ID = "11111111-2222-4333-8444-555555555555"
REQUEST_ID = "x-openstack-request-id"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("application/json", "application/json"),  # IMG-68, IMG-70
        ("*/*", "text/html; charset=UTF-8"),  # IMG-684
        ("text/plain", "text/plain; charset=UTF-8"),
        (None, "text/plain; charset=UTF-8"),
    ],
)
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", f"/v2/images/{ID}", 404),
        ("GET", "/v2/images?limit=x", 400),
        ("PUT", "/v2/images", 405),
        ("GET", "/v2/nothing", 404),
        ("GET", "/v2/images/%FF", 400),
    ],
)
async def test_every_error_is_in_the_form_asked_for(shared, accept, content_type, method, path, status):
    answer = await shared.person().ask(method, path, headers={"Accept": accept} if accept else {})
    assert (answer.status, answer.headers["Content-Type"]) == (status, content_type)


@pytest.mark.rule("IMG-75")
async def test_a_failure_of_ours_says_nothing_about_its_cause(run, settings):
    async with run(settings) as api:
        await api.execute("ALTER TABLE images RENAME COLUMN min_ram TO gone")
        answer = await api.person().get(f"/v2/images/{ID}", headers={"Accept": "application/json"})
    assert (answer.status, answer.json["title"]) == (500, "Internal Server Error")
    assert "gone" not in answer.json["message"]
    assert "min_ram" not in answer.json["message"]


@pytest.mark.parametrize(
    ("method", "path", "status", "allow"),
    [
        ("GET", "/v2/images/", 404, None),  # IMG-77
        ("GET", f"/v2/images/{ID}/", 404, None),
        ("GET", "/v2/info/import/", 404, None),
        ("GET", "/v2//images", 404, None),
        ("GET", "/v2/images/../images", 404, None),
        ("GET", "/v2/Images", 404, None),
        ("GET", f"/v2/images/{ID}/nothing", 404, None),
        ("GET", "/v2/images/a%2Fb", 404, None),  # IMG-82
        ("PUT", f"/v2/images/{ID}/tags/a%2Fb", 404, None),
        ("DELETE", "/v2/images", 405, "GET, POST"),  # IMG-78, IMG-682
        ("PROPFIND", "/v2/images", 405, "GET, POST"),
        ("TRACE", "/v2/images", 405, "GET, POST"),
        ("HEAD", "/v2/nothing", 404, None),
        ("PATCH", "/v2/nothing", 404, None),
        ("PROPFIND", "/v2/nothing", 501, None),  # IMG-81, AC-75
        ("FLY", "/v2/nothing", 501, None),
    ],
)
async def test_odd_paths_and_methods(shared, method, path, status, allow):
    fields = b"".join(f"{name}: {value}\r\n".encode() for name, value in shared.person(roles="none").headers.items())
    came = await shared.talk(
        f"{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n".encode() + fields + b"\r\n"
    )
    assert int(came[9:12]) == status
    told = re.search(rb"\r\nAllow: (.*?)\r\n", came)
    assert (told and told.group(1).decode()) == allow


@pytest.mark.rule("IMG-76")
async def test_the_error_of_a_head_has_no_body(shared):
    fields = b"".join(f"{name}: {value}\r\n".encode() for name, value in shared.person().headers.items())
    came = await shared.talk(b"HEAD /v2/images HTTP/1.1\r\nHost: h\r\nConnection: close\r\n" + fields + b"\r\n")
    assert came.startswith(b"HTTP/1.1 405 ")
    assert came.endswith(b"\r\n\r\n")


@pytest.mark.rule("IMG-77")
@pytest.mark.rule("IMG-83")
@pytest.mark.rule("IMG-106")
@pytest.mark.rule("AC-61")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v2/images"),
        ("GET", f"/v2/images/{ID}"),
        ("POST", "/v2/images"),
        ("PUT", "/v2/images"),
        ("GET", "/v2/nothing"),
        ("PATCH", f"/v2/images/{ID}"),
    ],
)
async def test_whoever_is_not_known_is_told_where_to_go(shared, method, path):
    answer = await shared.person().ask(method, path, headers=NOBODY | {"Accept": "application/json"})
    assert (answer.status, answer.json["title"]) == (401, "Unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Keystone uri="http://127.0.0.1:5000/v3"'
    assert REQUEST_ID not in answer.headers  # IMG-101


@pytest.mark.rule("IMG-106")
async def test_the_address_of_the_identity_service_is_a_setting(run, settings):
    settings["auth"]["www_authenticate_uri"] = "https://id.example.test/v3"
    async with run(settings) as api:
        answer = await api.person().get("/v2/images", headers=NOBODY)
    assert answer.headers["WWW-Authenticate"] == 'Keystone uri="https://id.example.test/v3"'


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("req-abc", "req-abc"),  # IMG-102, AC-45
        ("abc", "req-abc"),
        ("a" * 64, "req-" + "a" * 64),
        ("ü", "req-ü"),
    ],
)
@pytest.mark.parametrize("path", ["/v2/images", f"/v2/images/{ID}", "/v2/nothing"])  # IMG-101
async def test_a_request_id_comes_back(shared, path, sent, expected):
    answer = await shared.person().get(path, headers={"X-Openstack-Request-Id": sent})
    assert answer.headers[REQUEST_ID] == expected


@pytest.mark.rule("IMG-102")
async def test_a_request_without_an_id_gets_one(shared):
    ids = [(await shared.person().get("/v2/images")).headers[REQUEST_ID] for _ in range(2)]
    assert ids[0] != ids[1]
    assert all(uuid.UUID(each.removeprefix("req-")).version == 4 for each in ids)


@pytest.mark.rule("IMG-32")
@pytest.mark.rule("IMG-103")
@pytest.mark.rule("IMG-698")
async def test_a_request_id_that_is_too_long_is_refused(shared):
    answer = await shared.person().get("/v2/images", headers={"X-Openstack-Request-Id": "a" * 65})
    assert (answer.status, REQUEST_ID in answer.headers) == (431, False)


@pytest.mark.rule("AC-45")
async def test_without_a_limit_a_request_id_may_be_long(run, settings):
    settings["api"]["max_request_id_length"] = 0
    async with run(settings) as api:
        answer = await api.person().get("/v2/images", headers={"X-Openstack-Request-Id": "a" * 5000})
    assert answer.headers[REQUEST_ID] == "req-" + "a" * 5000


@pytest.mark.rule("IMG-101")
async def test_answers_with_bytes_have_a_request_id_too(shared):
    owner = shared.person()
    image = await owner.create_active()
    answer = await owner.get(f"/v2/images/{image['id']}/file", headers={"X-Openstack-Request-Id": "req-x"})
    assert (answer.status, answer.headers[REQUEST_ID]) == (200, "req-x")


@pytest.mark.rule("IMG-98")
async def test_an_answer_without_content_is_empty(shared):
    owner = shared.person()
    image = await owner.create()
    answer = await owner.ask("DELETE", f"/v2/images/{image['id']}")
    assert (answer.status, answer.content) == (204, b"")
    assert "json" not in answer.headers.get("Content-Type", "")


@pytest.mark.rule("IMG-97")
async def test_names_are_sent_as_utf8(shared):
    owner = shared.person()
    image = await owner.create(name="Grüße")
    answer = await owner.get(f"/v2/images/{image['id']}")
    assert answer.headers["Content-Type"] == "application/json"
    assert "Grüße".encode() in answer.content


@pytest.mark.rule("IMG-73")
async def test_an_error_says_what_it_is_about(shared):
    owner = shared.person()
    image = await owner.create(protected=True, visibility="community")
    path, taken = f"/v2/images/{image['id']}", {"id": image["id"]}
    for person, method, where, body, status, said in (
        (owner, "GET", "/v2/images/nothing", None, 404, "nothing"),
        (owner, "POST", "/v2/images", taken, 409, image["id"]),
        (owner, "POST", "/v2/images", {"os_glance_x": "x"}, 403, "os_glance_x"),
        (owner, "POST", "/v2/images", {"min_disk": "x"}, 400, "min_disk"),
        (owner, "DELETE", path, None, 403, "protected"),
        (shared.person("p2"), "DELETE", path, None, 403, "delete_image"),
    ):
        answer = await person.ask(method, where, body, headers={"Accept": "application/json"})
        assert (answer.status, said in answer.json["message"]) == (status, True)


@pytest.mark.rule("AC-70")
@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("OPTIONS", "/v2/images", {"X-Openstack-Request-ID": "r" * 65}, 200),  # other origins, before all else
        ("GET", "/healthcheck", {"Accept": "application/vnd.openstack.images-v9"}, 200),  # beside the whole of it
        ("GET", "/v9/images", {"X-Openstack-Request-ID": "r" * 65}, 300),  # the version, before who asks
        ("GET", "/v2/images", {"X-Openstack-Request-ID": "r" * 65}, 431),
        ("GET", "/v2/images", {}, 401),  # who asks, before where to
        ("GET", "/v2/nothing", {}, 401),
        ("PROPFIND", "/v2/images", {}, 401),
        ("GET", "/v2", {}, 401),
    ],
)
async def test_what_is_looked_at_first(shared, method, path, headers, status):
    nobody = shared.person()
    nobody.headers.clear()
    answer = await nobody.ask(method, path, headers={"Origin": "https://page.test", **headers})
    assert answer.status == status
