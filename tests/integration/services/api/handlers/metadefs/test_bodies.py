"""What bodies are refused, and in which order; whatever is sent, it is never the service's fault."""

import json

import pytest

NAMESPACES = "/v2/metadefs/namespaces"
BELOW = f"{NAMESPACES}/OS::Test"
PROPERTY = {"title": "P", "type": "string"}
DISK = "\U0001f4be"

TAKING = [
    # method, path, a body that is fine, the name of its schema, read-only names
    ("POST", NAMESPACES, {"namespace": "n"}, "namespace", ("self", "schema", "created_at", "updated_at")),
    ("PUT", BELOW, {"namespace": "n"}, "namespace", ("self", "schema", "created_at", "updated_at")),
    ("POST", f"{BELOW}/objects", {"name": "n"}, "object", ("self", "schema", "created_at", "updated_at")),
    ("PUT", f"{BELOW}/objects/o", {"name": "n"}, "object", ("self", "schema", "created_at", "updated_at")),
    ("POST", f"{BELOW}/properties", {"name": "n", **PROPERTY}, "property", ("created_at", "updated_at")),
    ("PUT", f"{BELOW}/properties/p", {"name": "n", **PROPERTY}, "property", ("created_at", "updated_at")),
    ("POST", f"{BELOW}/resource_types", {"name": "n"}, "resource_type_association", ("created_at", "updated_at")),
    ("POST", f"{BELOW}/tags", {"tags": [{"name": "n"}]}, "tags", ("created_at", "updated_at")),
    ("PUT", f"{BELOW}/tags/t", {"name": "n"}, "tag", ("created_at", "updated_at")),
]
BROKEN = [
    None,
    b"",
    b"  ",
    b"no json",
    b'{"namespace": "\xff"}',
    b'{"name": 1e999}',
    b"null",
    b"5",
    b'"text"',
    b"true",
    b"[]",
    b'["name"]',
    b"[" * 2000,
    b"[" * 900 + b"]" * 900,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b"{}",
    b'{"unknown": 1}',
    b'{"name": null}',
    b'{"name": "a\\u0000b", "namespace": "a\\u0000b"}',
    b'{"name": "\\ud800"}',
]


@pytest.mark.rule("MD-8", "MD-10", "MD-5")
async def test_bodies_that_make_no_sense_are_refused_before_anything_is_looked_for(api, admin):
    reader = api.person(roles="reader")
    for method, path, _body, _schema, _names in TAKING:
        for body in BROKEN:
            for person in (admin, reader):
                answer = await person.ask(method, path, body)
                assert answer.status == 400, (method, path, body, answer.content)
    assert (await admin.get(BELOW)).status == 404


@pytest.mark.rule("MD-9", "MD-8")
async def test_what_only_the_service_sets_is_forbidden_before_the_rest_is_looked_at(admin):
    for method, path, body, _schema, read_only in TAKING:
        for name in ("self", "schema", "created_at", "updated_at"):
            status = 403 if name in read_only else 400
            for sent in ({**body, name: "x"}, {name: 5}, [name]):
                answer = await admin.ask(method, path, sent)
                assert answer.status == status, (method, path, sent)
            if status == 403:
                assert f"Attribute '{name}' is read-only." in answer.content.decode()


@pytest.mark.rule("MD-8")
async def test_what_does_not_fit_is_said_together_with_the_schema(admin):
    for method, path, body, schema, _names in TAKING:
        answer = await admin.ask(method, path, {**body, "unknown": 1})
        assert answer.status == 400, (method, path)
        assert f"Provided object does not match schema '{schema}': unknown:" in answer.content.decode()


@pytest.mark.rule("MD-7")
async def test_the_type_of_a_body_does_not_matter_and_letters_are_not_escaped(admin, make):
    await make()
    body = '{"name": "größe", "title": "語", "type": "string", "default": "é"}'.encode()
    answer = await admin.ask("POST", f"{BELOW}/properties", body, headers={"Content-Type": "image/png"})
    assert answer.status == 201
    assert "größe".encode() in answer.content  # MD-64: any text is taken as a default
    assert (await admin.get(f"{BELOW}/properties/gr%C3%B6%C3%9Fe")).json["default"] == "é"


WITHOUT_BODY = [
    # method, path, whether a body is refused (MD-10)
    ("GET", NAMESPACES, False),
    ("GET", BELOW, True),
    ("DELETE", BELOW, True),
    ("GET", f"{BELOW}/resource_types", True),
    ("DELETE", f"{BELOW}/resource_types/x", True),
    ("GET", "/v2/metadefs/resource_types", True),
    ("GET", f"{BELOW}/objects", False),
    ("DELETE", f"{BELOW}/objects", False),
    ("GET", f"{BELOW}/objects/x", True),
    ("DELETE", f"{BELOW}/objects/x", True),
    ("GET", f"{BELOW}/properties", True),
    ("DELETE", f"{BELOW}/properties", False),
    ("GET", f"{BELOW}/properties/x", False),
    ("DELETE", f"{BELOW}/properties/x", False),
    ("GET", f"{BELOW}/tags", False),
    ("DELETE", f"{BELOW}/tags", False),
    ("GET", f"{BELOW}/tags/x", True),
    ("POST", f"{BELOW}/tags/x", True),
    ("DELETE", f"{BELOW}/tags/x", True),
    ("GET", "/v2/schemas/metadefs/tag", True),
]


@pytest.mark.rule("MD-10", "MD-8")
async def test_where_no_body_is_due_one_is_refused_or_ignored(admin):
    for method, path, is_refused in WITHOUT_BODY:
        without = (await admin.ask(method, path)).status
        for body in (b"x", b"{}"):
            answer = await admin.ask(method, path, body)
            assert answer.status == (400 if is_refused else without), (method, path)


DEFINITIONS = [
    # what is sent as a property beside title and type, what is kept; None where it is refused
    ({}, {}),
    ({"description": "d", "operators": ["<or>", "s=="], "pattern": "("}, ...),  # MD-60: not compiled
    ({"minimum": 1.5, "maximum": -2.7}, {"minimum": 1, "maximum": -2}),
    ({"minimum": 2.0, "maximum": 3}, {"minimum": 2, "maximum": 3}),
    ({"minimum": 1e300}, None),
    ({"minimum": True}, None),
    ({"minimum": "1"}, None),
    (
        {"minLength": 0, "maxLength": 5, "minItems": 1.0, "maxItems": 2},
        {"minItems": 1, "minLength": 0, "maxLength": 5, "maxItems": 2},
    ),
    ({"minLength": -1}, None),
    ({"maxItems": 1.5}, None),
    ({"maxItems": 10**30}, None),
    ({"enum": ["a", "b"]}, ...),
    ({"enum": []}, ...),
    ({"enum": ["a", 1]}, None),
    ({"readonly": True, "uniqueItems": False, "additionalItems": True}, ...),
    ({"readonly": "true"}, None),
    ({"items": {"type": "string", "enum": ["a"]}}, ...),
    ({"items": {"enum": ["a"]}}, None),
    ({"items": {"type": "string", "format": "x"}}, None),
    ({"items": {"type": "text"}}, None),
    ({"required": ["a"]}, None),
    ({"required": []}, None),
    ({"confidential": True}, None),
    ({"type": "null"}, None),
    ({"type": None}, None),
    ({"title": None}, None),
    ({"operators": "<or>"}, None),
    ({"description": None}, None),
    ({"default": "x"}, {"default": "x"}),  # MD-64, and so on
    ({"default": 100}, {"default": "100"}),
    ({"default": 1.5}, {"default": "1.5"}),
    ({"default": True}, {"default": "True"}),
    ({"default": False}, {"default": "False"}),
    ({"default": None}, {"default": None}),
    ({"default": {"a": 1}}, {"default": None}),
    ({"default": [1]}, {"default": None}),
]


PLACES = {
    # where it is sent, as what, and where it is seen then
    "property": lambda name, it: ("POST", f"{BELOW}/properties", {"name": name, **it}, f"{BELOW}/properties"),
    "in a new object": lambda name, it: (
        "POST",
        f"{BELOW}/objects",
        {"name": name, "properties": {name: it}},
        f"{BELOW}/objects/{name}",
    ),
    "in an object": lambda name, it: (
        "PUT",
        f"{BELOW}/objects/o",
        {"name": "o", "properties": {name: it}},
        f"{BELOW}/objects/o",
    ),
    "in a namespace": lambda name, it: (
        "POST",
        NAMESPACES,
        {"namespace": name, "properties": {name: it}},
        f"{NAMESPACES}/{name}",
    ),
    "in its objects": lambda name, it: (
        "POST",
        NAMESPACES,
        {"namespace": name, "objects": [{"name": "o", "properties": {name: it}}]},
        f"{NAMESPACES}/{name}/objects/o",
    ),
}


@pytest.mark.rule("MD-60", "MD-64", "MD-112")
@pytest.mark.parametrize("place", PLACES)
async def test_a_definition_is_kept_alike_wherever_it_is_sent(admin, make, place):
    await make()
    await admin.ask("POST", f"{BELOW}/objects", {"name": "o"})
    for number, (sent, kept) in enumerate(DEFINITIONS):
        definition = {**PROPERTY, **sent}
        name = f"n{number}"
        method, path, body, where = PLACES[place](name, definition)
        answer = await admin.ask(method, path, body)
        assert (answer.status < 300) == (kept is not None), (sent, answer.content)
        if kept is None:
            assert answer.status == 400, sent
            continue
        shown = (await admin.get(where)).json["properties"][name]
        shown.pop("name", None)
        assert shown == {**PROPERTY, **(sent if kept is ... else kept)}, sent


NAMESPACE_BODIES = [
    # members of a namespace, whether they are taken
    ("MD-30", {"namespace": "n" * 80}, True),
    ("MD-30", {"namespace": "n" * 81}, False),
    ("MD-30", {"display_name": "d" * 81}, False),
    ("MD-30", {"display_name": ""}, True),
    ("MD-30", {"description": "d" * 500}, True),
    ("MD-30", {"description": "d" * 501}, False),
    ("MD-30", {"description": None}, False),
    ("MD-30", {"visibility": "shared"}, False),
    ("MD-30", {"protected": "true"}, False),
    ("MD-30", {"owner": "o" * 256}, False),
    ("MD-30", {"unknown": 1}, False),
    ("MD-30", {"tags": [{"name": "t" * 81}]}, False),
    ("MD-30", {"tags": [{"nam": "t"}]}, False),
    ("MD-30", {"tags": [{}]}, False),
    ("MD-30", {"tags": ["t"]}, False),
    ("MD-44", {"tags": [{"name": "t", "created_at": 5, "updated_at": None}]}, True),
    ("MD-30", {"tags": [{"name": "t", "self": "x"}]}, False),
    ("MD-30", {"objects": [{"description": "no name"}]}, False),
    ("MD-30", {"objects": [{"name": "o", "unknown": 1}]}, False),
    ("MD-44", {"objects": [{"name": "o", "self": 1, "schema": 2, "created_at": 3, "updated_at": 4}]}, True),
    ("MD-30", {"resource_type_associations": [{"prefix": "x"}]}, False),
    ("MD-30", {"resource_type_associations": [{"name": "r", "unknown": "x"}]}, False),
    ("MD-44", {"resource_type_associations": [{"name": "r", "created_at": "x"}]}, True),
    ("MD-30", {"resource_type_associations": [{"name": "r", "prefix": "p" * 81}]}, False),
    ("MD-30", {"properties": {"p" * 81: PROPERTY}}, False),
    ("MD-60", {"properties": {"p": {**PROPERTY, "name": "other"}}}, True),
    ("MD-60", {"properties": {"p": {**PROPERTY, "unknown": 1}}}, False),
    ("MD-85", {"namespace": DISK}, False),
    ("MD-85", {"display_name": f"a{DISK}"}, False),
    ("MD-85", {"description": DISK}, False),
    ("MD-85", {"owner": DISK}, False),
    ("MD-85", {"properties": {"p": {**PROPERTY, "description": DISK}}}, False),
    ("MD-85", {"properties": {"p": {**PROPERTY, "default": DISK}}}, False),
    ("MD-85", {"properties": {"p": {**PROPERTY, "enum": [DISK], "operators": [DISK]}}}, True),
    ("MD-85", {"properties": {"p": {**PROPERTY, "items": {"type": "string", "enum": [DISK]}}}}, True),
    ("MD-85", {"objects": [{"name": DISK}]}, False),
    ("MD-85", {"objects": [{"name": "o", "required": [DISK]}]}, False),
    ("MD-85", {"objects": [{"name": "o", "properties": {"p": {**PROPERTY, "title": DISK}}}]}, False),
    ("MD-85", {"objects": [{"name": "o", "properties": {DISK: PROPERTY}}]}, True),
    ("MD-85", {"resource_type_associations": [{"name": DISK}]}, True),
    ("MD-85", {"tags": [{"name": DISK}]}, True),
]


@pytest.mark.rule("MD-30", "MD-44", "MD-85")
async def test_what_a_namespace_may_say(admin):
    for number, (rule, members, is_taken) in enumerate(NAMESPACE_BODIES):
        name = members.get("namespace", f"n{number}")
        answer = await admin.ask("POST", NAMESPACES, {"namespace": name, **members})
        assert answer.status == (201 if is_taken else 400), (rule, members, answer.content)
        if not is_taken:
            assert (await admin.get(f"{NAMESPACES}/{name}")).status == 404, members


CHILD_BODIES = [
    # path below the namespace, body, whether it is taken
    ("MD-50", "/resource_types", {"name": "r" * 80, "prefix": "p" * 80, "properties_target": "t" * 80}, True),
    ("MD-50", "/resource_types", {"name": "r" * 81}, False),
    ("MD-50", "/resource_types", {"name": "r", "prefix": None}, False),
    ("MD-50", "/resource_types", {"name": "r", "properties_target": "t" * 81}, False),
    ("MD-85", "/resource_types", {"name": DISK, "prefix": DISK}, True),
    ("MD-70", "/objects", {"name": "o" * 80, "description": "d" * 5000, "required": []}, True),
    ("MD-70", "/objects", {"name": "o" * 81}, False),
    ("MD-70", "/objects", {"name": "o", "required": ["a", "a"]}, False),
    ("MD-70", "/objects", {"name": "o", "required": "a"}, False),
    ("MD-85", "/objects", {"name": "o", "required": ["a", DISK]}, False),
    ("MD-60", "/properties", {"name": "p" * 80, **PROPERTY}, True),
    ("MD-60", "/properties", {"name": "p" * 81, **PROPERTY}, False),
    ("MD-60", "/properties", {**PROPERTY}, False),
    ("MD-60", "/properties", {"name": "p", "type": "string"}, False),
    ("MD-85", "/properties", {"name": DISK, **PROPERTY}, False),
    ("MD-82", "/tags", {"tags": [{"name": "t" * 80}]}, True),
    ("MD-82", "/tags", {"tags": [{"name": "t" * 81}]}, False),
    ("MD-82", "/tags", {"tags": [{"name": "t", "created_at": 1}]}, False),
    ("MD-82", "/tags", {"tags": [{"name": "t"}], "first": 1}, False),
    ("MD-82", "/tags", {"tags": {"name": "t"}}, False),
    ("MD-82", "/tags", {}, False),
    ("MD-85", "/tags", {"tags": [{"name": DISK}]}, True),
    ("MD-80", f"/tags/{'t' * 80}x", None, False),
    ("MD-85", "/tags/%F0%9F%92%BE!", None, False),
]


@pytest.mark.rule("MD-50", "MD-70", "MD-82", "MD-85")
async def test_what_things_in_a_namespace_may_say(admin, make):
    await make()
    for rule, path, body, is_taken in CHILD_BODIES:
        answer = await admin.ask("POST", f"{BELOW}{path}", body)
        assert answer.status == (201 if is_taken else 400), (rule, path, body, answer.content)


@pytest.mark.rule("MD-85")
async def test_the_field_with_a_character_of_four_bytes_is_named(admin, make):
    await make()
    for method, path, body, said in (
        ("POST", NAMESPACES, {"namespace": "x", "display_name": DISK}, "create metadata namespace: Display_Name"),
        ("PUT", BELOW, {"namespace": DISK}, "update metadata namespace: Namespace"),
        ("POST", f"{BELOW}/objects", {"name": DISK}, "create metadata object: Name"),
        ("PUT", f"{BELOW}/objects/o", {"name": "o", "description": DISK}, "update metadata object: Description"),
        ("POST", f"{BELOW}/properties", {"name": "p", **PROPERTY, "title": DISK}, "create metadata property: Title"),
        ("PUT", f"{BELOW}/tags/t", {"name": DISK}, "update metadata tag: Name"),
        ("POST", f"{BELOW}/tags/%F0%9F%92%BE", None, "create metadata tag: Name"),
    ):
        answer = await admin.ask(method, path, body)
        assert answer.status == 400
        assert f"Couldn't {said} can't contain 4 byte" in json.loads(
            (await admin.ask(method, path, body, headers={"Accept": "application/json"})).content
        )["message"].replace("&#x27;", "'")
    nested = {"namespace": "OS::Test", "properties": {"p": {**PROPERTY, "title": DISK}}}
    assert (await admin.ask("PUT", BELOW, nested)).status == 200  # it is not stored, so it is not looked at
