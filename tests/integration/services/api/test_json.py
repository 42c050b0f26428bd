"""JSON in requests, and what it may not be (section 4.3)."""

import json

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

ID = "11111111-2222-4333-8444-555555555555"
PATCH = {"Content-Type": "application/openstack-images-v2.1-json-patch"}


@pytest.mark.rule("IMG-84")
@pytest.mark.parametrize(("method", "status"), [("PUT", 400), ("DELETE", 404), ("GET", 405)])
async def test_chunks_are_a_body_where_bodies_are_usual(shared, method, status):
    fields = "".join(f"{name}: {value}\r\n" for name, value in shared.person().headers.items())
    sent = f"{method} /v2/images/{ID}/tags/t HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{fields}"
    came = await shared.talk(f"{sent}Transfer-Encoding: chunked\r\n\r\n1\r\n \r\n0\r\n\r\n".encode())
    assert int(came[9:12]) == status


@pytest.mark.rule("IMG-86")
@pytest.mark.rule("IMG-271")
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/xml", "application/json; charset=utf-8"])
async def test_the_type_of_json_is_not_asked_for(shared, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    assert (await shared.person().ask("POST", "/v2/images", b"{}", headers=headers)).status == 201


NOT_JSON = [
    (b"", "IMG-87"),
    (b" \n", "IMG-87"),
    (b"name=a", "IMG-88"),
    (b"{'name': 'a'}", "IMG-88"),
    (b"{} {}", "IMG-88"),
    (b'{"name": "a"', "IMG-88"),
    (b'{"min_disk": NaN}', "IMG-88"),
    (b'{"min_disk": 1e999}', "IMG-88"),
    (b'{"min_disk": 01}', "IMG-88"),
    (b'{"name": "a\nb"}', "IMG-88"),
    (b"\xef\xbb\xbf{}", "IMG-88"),  # a byte order mark
    (b'"text"', "IMG-89"),
    (b"1", "IMG-89"),
    (b"true", "IMG-89"),
    (b"null", "IMG-89"),
    (b'{"name": "\xfc"}', "IMG-90"),
    (b'{"name": "\xed\xa0\x80"}', "IMG-90"),  # half of a pair
    (b'{"name": "\\ud800"}', "IMG-90"),
    (b'{"name": "\\udc00\\ud800"}', "IMG-90"),
    ("{}".encode("utf-16"), "IMG-90"),
    (b"[" * 100_000 + b"]" * 100_000, "IMG-88"),
    (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "IMG-88"),
]


@pytest.mark.parametrize(("content", "_rule"), NOT_JSON)
@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("POST", "/v2/images", {}),  # IMG-261
        ("PATCH", f"/v2/images/{ID}", PATCH),
        ("POST", f"/v2/images/{ID}/import", {}),
        ("POST", f"/v2/images/{ID}/members", {}),
    ],
)
async def test_what_is_no_json_is_refused(shared, method, path, headers, content, _rule):
    assert (await shared.person().ask(method, path, content, headers=headers)).status == 400


@pytest.mark.parametrize(
    ("method", "path", "headers", "content"),
    [
        ("POST", "/v2/images", {}, b"[]"),  # IMG-91, IMG-689
        ("POST", f"/v2/images/{ID}/import", {}, b"[]"),
        ("POST", f"/v2/images/{ID}/members", {}, b"[]"),
        ("PATCH", f"/v2/images/{ID}", PATCH, b"{}"),  # IMG-326
    ],
)
async def test_a_list_is_no_object_and_an_object_no_list(shared, method, path, headers, content):
    assert (await shared.person().ask(method, path, content, headers=headers)).status == 400


@pytest.mark.parametrize("depth", [100, 300, 900])
async def test_json_may_be_nested_deeper_than_it_can_make_sense(shared, depth):
    nested = b"[" * depth + b"]" * depth
    for method, path, headers, content in (
        ("POST", "/v2/images", {}, b'{"property": ' + nested + b"}"),
        ("PATCH", f"/v2/images/{ID}", PATCH, nested),
        ("PATCH", f"/v2/images/{ID}", PATCH, b'[{"op": "add", "path": "/a", "value": ' + nested + b"}]"),
        ("POST", f"/v2/images/{ID}/import", {}, b'{"method": ' + nested + b"}"),
    ):
        assert (await shared.person().ask(method, path, content, headers=headers)).status == 400


async def test_of_a_member_that_is_written_twice_the_last_one_counts(shared):
    answer = await shared.person().ask("POST", "/v2/images", b'{"name": "a", "name": "b"}')
    assert answer.json["name"] == "b"


@pytest.mark.rule("IMG-94")
async def test_json_of_a_mebibyte_is_read_and_without_bound_it_is_not(shared):
    owner = shared.person()
    text = "x" * (1024 * 1024 - 20)
    created = await owner.create(text=text)
    assert (await owner.show(created["id"]))["text"] == text
    assert shared.ports.settings.api.max_json_bytes < 2 * 1024 * 1024  # a page has a thousand images
    too_large = json.dumps({"text": "x" * shared.ports.settings.api.max_json_bytes}).encode()
    answer = await owner.ask("POST", "/v2/images", too_large)
    assert (answer.status, answer.json if answer.status < 400 else None) == (413, None)


WIDE = ("a😀", "a\x00b")


@pytest.mark.rule("IMG-93")
@pytest.mark.rule("IMG-95")
@pytest.mark.rule("IMG-265")
@pytest.mark.parametrize("text", WIDE)
@pytest.mark.parametrize("member", ["name", "owner", "property", "tags", "{key}"])
async def test_what_the_database_can_not_keep_is_refused(shared, member, text):
    body = {text: "value"} if member == "{key}" else {member: [text] if member == "tags" else text}
    assert (await shared.admin.ask("POST", "/v2/images", body)).status == 400
    image = await shared.admin.create()
    name = text if member == "{key}" else member
    operation = {"op": "add", "path": f"/{name}", "value": next(iter(body.values()))}
    answer = await shared.admin.patch(image["id"], operation)  # IMG-349
    assert answer.status == 400
    assert await shared.admin.show(image["id"]) == image


@pytest.mark.rule("IMG-93")
async def test_everything_else_is_kept_as_it_came(shared):
    text = "ü\u2028 \t\\ \" \uffff \x7f <b>&amp;</b> '; DROP TABLE images; -- %s $1 {} \u202e"
    members = {"name": text, "tags": [text], text: text, "": "empty"}
    created = await shared.person().create(**members)
    assert {name: created[name] for name in members} == members
    assert await shared.person().show(created["id"]) == created
