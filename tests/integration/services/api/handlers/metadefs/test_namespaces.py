"""Namespaces: made, shown, changed and deleted, over a socket."""

import asyncio
import re

import pytest

NAMESPACES = "/v2/metadefs/namespaces"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


async def show(person, name="OS::Test", query=""):
    answer = await person.get(f"{NAMESPACES}/{name}{query}")
    assert answer.status == 200, answer.content
    return answer.json


@pytest.mark.rule("MD-31", "MD-30", "MD-4", "MD-6")
async def test_a_namespace_is_made_with_defaults_and_answers_with_what_is_known(api, admin):
    answer = await admin.ask("POST", NAMESPACES, {"namespace": "OS::Test"})
    assert answer.status == 201
    assert answer.headers["Location"] == f"{api.base}{NAMESPACES}/OS::Test"
    assert answer.headers["Content-Type"] == "application/json"  # MD-7
    assert answer.headers["x-openstack-request-id"].startswith("req-")
    made = answer.json
    assert made["created_at"] == made["updated_at"]
    assert TIME.fullmatch(made.pop("created_at"))
    del made["updated_at"]
    assert made == {
        "namespace": "OS::Test",
        "visibility": "private",
        "protected": False,
        "owner": "admins",  # MD-23
        "self": "/v2/metadefs/namespaces/OS::Test",
        "schema": "/v2/schemas/metadefs/namespace",
    }


@pytest.mark.rule("MD-31", "MD-32")
async def test_what_is_sent_with_a_namespace_is_made_with_it_and_echoed(admin, full):
    made = await full()
    assert made["resource_type_associations"] == [
        {"name": "OS::Glance::Image", "prefix": "hw_"},
        {"name": "OS::Nova::Server", "properties_target": "scheduler_hints"},
    ]
    assert made["tags"] == [{"name": "fast"}, {"name": "cheap"}]
    assert made["objects"][0].keys() == {"name", "description", "required", "properties"}
    assert made["properties"] == {"cores": {"title": "Cores", "type": "integer", "default": "1", "minimum": 1}}


@pytest.mark.rule("MD-38", "MD-63")
async def test_a_namespace_is_shown_with_all_that_is_in_it(admin, full):
    await full()
    shown = await show(admin)
    times = {"created_at", "updated_at"}
    assert [each.keys() - times for each in shown["resource_type_associations"]] == [
        {"name", "prefix"},
        {"name", "properties_target"},
    ]
    assert shown["properties"] == {"cores": {"title": "Cores", "type": "integer", "default": "1", "minimum": 1}}
    assert shown["tags"] == [{"name": "fast"}, {"name": "cheap"}]
    (limits,) = shown["objects"]
    assert limits.pop("created_at") == limits.pop("updated_at")
    assert limits == {
        "name": "CPU Limits",
        "description": "Limits.",
        "required": ["shares"],
        "properties": {"shares": {"title": "Shares", "type": "number"}},
        "self": "/v2/metadefs/namespaces/OS::Test/objects/CPU Limits",
        "schema": "/v2/schemas/metadefs/object",
    }


@pytest.mark.rule("MD-38")
async def test_of_what_a_namespace_does_not_have_nothing_is_shown(admin, make):
    made = await make(tags=[], objects=[], properties={}, resource_type_associations=[])
    assert made["tags"] == []  # as it was sent
    shown = await show(admin)
    assert not shown.keys() & {"tags", "objects", "properties", "resource_type_associations"}


@pytest.mark.rule("MD-40")
async def test_for_a_resource_type_properties_are_called_as_they_are_there(admin, full):
    await full()
    plain = await show(admin)
    prefixed = await show(admin, query="?resource_type=OS::Glance::Image")
    assert list(prefixed["properties"]) == ["hw_cores"]
    assert list(prefixed["objects"][0]["properties"]) == ["hw_shares"]
    assert prefixed["objects"][0]["required"] == ["hw_shares"]
    for name in ("tags", "resource_type_associations"):
        assert prefixed[name] == plain[name]
    assert prefixed["properties"]["hw_cores"] == plain["properties"]["cores"]


@pytest.mark.parametrize(
    "query",
    [
        "?resource_type=OS::Nova::Server",  # MD-40: no prefix
        "?resource_type=OS::Nova::Flavor",  # MD-40: not associated
        "?resource_type=",  # MD-40
        "?foo=bar",  # MD-39
        "?visibility=private",
        "?visibility=",
    ],
)
async def test_what_says_nothing_about_names_changes_nothing(admin, full, query):
    await full()
    assert await show(admin, query=query) == await show(admin)


@pytest.mark.rule("MD-39")
async def test_a_visibility_that_there_is_not_is_refused_even_where_it_has_no_effect(admin, make):
    await make()
    assert (await admin.get(f"{NAMESPACES}/OS::Test?visibility=shared")).status == 400


@pytest.mark.rule("MD-33", "MD-120")
async def test_a_name_is_there_once_and_for_all_projects(api, admin, make):
    await make(visibility="private", owner="p1")
    answer = await admin.ask("POST", NAMESPACES, {"namespace": "OS::Test", "owner": "p2"})
    assert answer.status == 409
    assert "The metadata definition namespace=OS::Test already exists." in answer.content.decode()


async def test_of_many_who_make_the_same_one_does(admin):
    racing = [admin.ask("POST", NAMESPACES, {"namespace": "OS::Test"}) for _ in range(6)]
    assert sorted(each.status for each in await asyncio.gather(*racing)) == [201, 409, 409, 409, 409, 409]


async def test_many_who_bring_the_same_new_resource_types_do_not_wait_for_each_other_for_ever(admin):
    names = [f"T{number}" for number in range(20)]

    def body(number):
        types = names if number % 2 else names[::-1]
        return {"namespace": f"N{number}", "resource_type_associations": [{"name": name} for name in types]}

    racing = [admin.ask("POST", NAMESPACES, body(number)) for number in range(8)]
    assert {each.status for each in await asyncio.gather(*racing)} == {201}
    types = (await admin.get("/v2/metadefs/resource_types")).json["resource_types"]
    assert sorted(each["name"] for each in types) == sorted(names)


@pytest.mark.rule("MD-32")
@pytest.mark.parametrize(
    "nested",
    [
        {"resource_type_associations": [{"name": "T"}, {"name": "T"}]},
        {"objects": [{"name": "o"}, {"name": "o"}]},
        {"tags": [{"name": "t"}, {"name": "u"}, {"name": "t"}]},
    ],
)
async def test_a_namespace_with_something_twice_in_it_is_not_made_at_all(admin, told_names, nested):
    body = {"namespace": "OS::Test", "properties": {"p": {"title": "P", "type": "string"}}, **nested}
    assert (await admin.ask("POST", NAMESPACES, body)).status == 409
    assert (await admin.get(f"{NAMESPACES}/OS::Test")).status == 404
    assert (await admin.get("/v2/metadefs/resource_types")).json == {"resource_types": []}
    assert await told_names() == []


@pytest.mark.rule("MD-3")
async def test_capitals_count(admin, make):
    await make("os::test", tags=[{"name": "a"}, {"name": "A"}])
    await make("OS::TEST")
    assert (await admin.get(f"{NAMESPACES}/OS::Test")).status == 404


@pytest.mark.rule("MD-1", "MD-2")
@pytest.mark.parametrize(
    ("name", "path"), [("OS::Test", "OS%3A%3ATest"), ("ñ 語", "%C3%B1%20%E8%AA%9E"), ("a%b?c#d", "a%25b%3Fc%23d")]
)
async def test_names_are_decoded_from_paths_once_and_as_utf_8(admin, make, name, path):
    await make(name)
    assert (await admin.get(f"{NAMESPACES}/{path}")).json["namespace"] == name
    assert (await admin.ask("DELETE", f"{NAMESPACES}/{path}")).status == 204


@pytest.mark.rule("MD-2")
async def test_a_name_with_a_slash_can_be_made_and_never_be_reached(admin, make):
    await make("a/b")
    for path in ("a/b", "a%2Fb"):
        assert (await admin.get(f"{NAMESPACES}/{path}")).status == 404
    assert [each["namespace"] for each in (await admin.get(NAMESPACES)).json["namespaces"]] == ["a/b"]


@pytest.mark.rule("MD-2")
async def test_a_namespace_must_have_a_name(admin):
    assert (await admin.ask("POST", NAMESPACES, {"namespace": ""})).status == 400


async def test_a_location_is_a_header_field_whatever_the_name(api, admin):
    answer = await admin.ask("POST", NAMESPACES, {"namespace": "a\r\nX-Evil: 1 ü"})
    assert answer.status == 201
    assert "X-Evil" not in answer.headers
    assert (await admin.get(answer.headers["Location"])).status == 200


@pytest.mark.rule("MD-41")
async def test_an_update_sets_what_is_not_sent_back_to_what_it_was_never_said(api, admin, full):
    await full(protected=True)
    await api.execute("UPDATE metadef_namespaces SET updated_at = updated_at - interval '1 hour'")
    before = await show(admin)
    answer = await admin.ask("PUT", f"{NAMESPACES}/OS::Test", {"namespace": "OS::Test"})
    assert answer.status == 200
    assert "Location" not in answer.headers
    assert answer.json["updated_at"] > before["updated_at"]
    assert {name: answer.json[name] for name in answer.json if name not in ("created_at", "updated_at")} == {
        "namespace": "OS::Test",
        "visibility": "private",
        "protected": False,
        "owner": "admins",  # MD-24: whoever updates it takes it over
        "self": "/v2/metadefs/namespaces/OS::Test",
        "schema": "/v2/schemas/metadefs/namespace",
    }
    after = await show(admin)
    for kept in ("tags", "objects", "properties", "resource_type_associations"):
        assert after[kept] == before[kept]


@pytest.mark.rule("MD-24")
@pytest.mark.parametrize(("sent", "owner"), [({}, "admins"), ({"owner": ""}, "admins"), ({"owner": "p7"}, "p7")])
async def test_an_update_without_an_owner_gives_the_namespace_to_who_made_it(admin, make, sent, owner):
    await make(owner="p1")
    answer = await admin.ask("PUT", f"{NAMESPACES}/OS::Test", {"namespace": "OS::Test", **sent})
    assert answer.json["owner"] == owner


@pytest.mark.rule("MD-41", "MD-121")
async def test_a_namespace_that_is_renamed_takes_along_what_is_in_it(admin, full):
    await full()
    answer = await admin.ask("PUT", f"{NAMESPACES}/OS::Test", {"namespace": "OS::Other", "display_name": "d"})
    assert answer.json["self"] == "/v2/metadefs/namespaces/OS::Other"
    assert (await admin.get(f"{NAMESPACES}/OS::Test")).status == 404
    shown = await show(admin, "OS::Other")
    assert shown["objects"][0]["self"] == "/v2/metadefs/namespaces/OS::Other/objects/CPU Limits"
    assert len(shown["tags"]) == 2


@pytest.mark.rule("MD-41")
async def test_a_name_that_is_taken_is_not_given_to_another(admin, make):
    await make("A")
    await make("B")
    answer = await admin.ask("PUT", f"{NAMESPACES}/A", {"namespace": "B"})
    assert answer.status == 409
    assert "same name of B" in answer.content.decode()
    assert (await show(admin, "A"))["owner"] == "p1"


async def test_two_who_swap_names_do_not_wait_for_each_other_for_ever(admin, make):
    await make("A")
    await make("B")
    for _ in range(5):
        racing = [
            admin.ask("PUT", f"{NAMESPACES}/A", {"namespace": "B"}),
            admin.ask("PUT", f"{NAMESPACES}/B", {"namespace": "A"}),
        ]
        assert [each.status for each in await asyncio.gather(*racing)] == [409, 409]


async def test_of_those_who_take_one_name_at_a_time_one_gets_it(admin, make):
    for number in range(4):
        await make(f"N{number}")
    racing = [admin.ask("PUT", f"{NAMESPACES}/N{number}", {"namespace": "X"}) for number in range(4)]
    racing.append(admin.ask("POST", NAMESPACES, {"namespace": "X"}))
    statuses = sorted(each.status for each in await asyncio.gather(*racing))
    assert statuses[1:] == [409] * 4
    assert statuses[0] in (200, 201)


@pytest.mark.rule("MD-44", "MD-94")
async def test_what_was_shown_can_be_sent_back_whole(admin, full):
    await full()
    await admin.ask("POST", f"{NAMESPACES}/OS::Test/properties", {"name": "p", "title": "P", "type": "string"})
    shown = await show(admin)
    sent = {name: value for name, value in shown.items() if name not in ("self", "schema", "created_at", "updated_at")}
    answer = await admin.ask("PUT", f"{NAMESPACES}/OS::Test", {**sent, "display_name": "Another"})
    assert answer.status == 200
    after = await show(admin)
    assert after["display_name"] == "Another"
    assert {**after, "display_name": 1, "updated_at": 1} == {**shown, "display_name": 1, "updated_at": 1}
    copied = await admin.ask("POST", NAMESPACES, {**sent, "namespace": "OS::Copy"})
    assert copied.status == 201
    assert "self" not in copied.json["objects"][0]
    copy = await show(admin, "OS::Copy")
    assert copy["properties"] == after["properties"]  # MD-63: with the name that one of them has
    assert copy["properties"]["p"]["name"] == "p"
    assert [each["name"] for each in copy["tags"]] == ["fast", "cheap"]


@pytest.mark.rule("MD-41")
async def test_what_is_nested_in_an_update_is_looked_at_and_has_no_effect(admin, full):
    await full()
    before = await show(admin)
    nested = {"tags": [{"name": "new"}], "objects": [], "properties": {"x": {"title": "X", "type": "string"}}}
    assert (await admin.ask("PUT", f"{NAMESPACES}/OS::Test", {"namespace": "OS::Test", **nested})).status == 200
    after = await show(admin)
    assert (after["tags"], after["objects"]) == (before["tags"], before["objects"])
    assert list(after["properties"]) == ["cores"]
    bad = {"namespace": "OS::Test", "properties": {"x": {"title": "X"}}}
    assert (await admin.ask("PUT", f"{NAMESPACES}/OS::Test", bad)).status == 400


@pytest.mark.rule("MD-42")
async def test_a_deleted_namespace_takes_along_what_is_in_it_but_for_resource_types(api, admin, full):
    await full()
    answer = await admin.ask("DELETE", f"{NAMESPACES}/OS::Test")
    assert (answer.status, answer.content) == (204, b"")
    assert (await admin.get(f"{NAMESPACES}/OS::Test/tags")).status == 404
    async with api.ports.database.reading() as reader:
        for left in ("objects", "properties", "tags", "associations"):
            assert await reader.fetchval(f"SELECT count(*) FROM metadef_{left}") == 0
    types = (await admin.get("/v2/metadefs/resource_types")).json["resource_types"]
    assert [each["name"] for each in types] == ["OS::Glance::Image", "OS::Nova::Server"]
    assert (await admin.ask("DELETE", f"{NAMESPACES}/OS::Test")).status == 404


@pytest.mark.rule("MD-23")
async def test_who_is_in_no_project_must_say_whose_a_namespace_is(api):
    nobody = api.person(None, roles="admin")
    assert (await nobody.ask("POST", NAMESPACES, {"namespace": "OS::Test"})).status == 400
    assert (await nobody.ask("POST", NAMESPACES, {"namespace": "OS::Test", "owner": "x" * 255})).status == 201
    assert (await nobody.ask("PUT", f"{NAMESPACES}/OS::Test", {"namespace": "OS::Test"})).status == 400
    assert (await nobody.ask("POST", NAMESPACES, {"namespace": "B", "owner": ""})).status == 400


async def test_what_happens_to_a_namespace_is_told(admin, full, told, told_names):  # MD-122, operations.md section 6
    await full()
    assert await told_names() == [
        "namespace.created",
        "association.created",
        "association.created",
        "object.created",
        "tag.created",
        "tag.created",
        "property.created",
    ]
    await admin.ask("PUT", f"{NAMESPACES}/OS::Test", {"namespace": "OS::New", "visibility": "public", "owner": "p1"})
    ((fact, data),) = await told("OS::New")  # under the name that it has now
    assert fact == "namespace.updated.v1"
    assert data["namespace"]["namespace"] == "OS::New"
    assert data["previous"] == {
        "namespace": "OS::Test",
        "display_name": "A test",
        "description": "Something of everything.",
    }
    assert (await told("OS::Test"))[-1] == (fact, data)  # and under the one by which it was followed so far
    await admin.ask("DELETE", f"{NAMESPACES}/OS::New")
    assert await told_names("OS::New") == ["namespace.updated", "namespace.deleted"]


async def test_every_change_that_the_contract_lists_is_told(admin, make, told_names):  # operations.md section 6.1
    at = f"{NAMESPACES}/OS::Test"
    definition = {"title": "P", "type": "string"}
    changes = [
        ("PUT", "", {"namespace": "OS::Test", "display_name": "d", "owner": "p1"}, ["namespace.updated"]),
        ("POST", "/objects", {"name": "o"}, ["object.created"]),
        ("PUT", "/objects/o", {"name": "o", "description": "d"}, ["object.updated"]),
        ("DELETE", "/objects/o", None, ["object.deleted"]),
        ("POST", "/objects", {"name": "o"}, ["object.created"]),
        ("DELETE", "/objects", None, ["objects.deleted"]),
        ("POST", "/properties", {"name": "p", **definition}, ["property.created"]),
        ("PUT", "/properties/p", {"name": "p", **definition, "title": "Q"}, ["property.updated"]),
        ("DELETE", "/properties/p", None, ["property.deleted"]),
        ("POST", "/properties", {"name": "p", **definition}, ["property.created"]),
        ("DELETE", "/properties", None, ["properties.deleted"]),
        ("POST", "/resource_types", {"name": "r"}, ["association.created"]),
        ("DELETE", "/resource_types/r", None, ["association.deleted"]),
        ("POST", "/tags", {"tags": [{"name": "a"}, {"name": "b"}]}, ["tag.created", "tag.created"]),
        ("POST", "/tags", {"tags": [{"name": "a"}]}, ["tags.deleted", "tag.created"]),
        ("POST", "/tags/c", None, ["tag.created"]),
        ("PUT", "/tags/c", {"name": "d"}, ["tag.updated"]),
        ("DELETE", "/tags/d", None, ["tag.deleted"]),
        ("DELETE", "/tags", None, ["tags.deleted"]),
        ("DELETE", "", None, ["namespace.deleted"]),
    ]
    await make()
    so_far = await told_names()
    assert so_far == ["namespace.created"]
    for method, path, body, facts in changes:
        assert (await admin.ask(method, f"{at}{path}", body)).status < 300, (method, path)
        now = await told_names()
        assert now[len(so_far) :] == facts, (method, path)
        so_far = now
    await make("OS::Other")
    for kind in ("objects", "properties", "tags"):  # where there is nothing, nothing changes
        assert (await admin.ask("DELETE", f"{NAMESPACES}/OS::Other/{kind}")).status == 204
    assert await told_names("OS::Other") == ["namespace.created"]


async def test_what_is_refused_is_not_told(admin, make, told_names):
    await make(protected=True)
    await admin.ask("DELETE", f"{NAMESPACES}/OS::Test")
    await admin.ask("POST", NAMESPACES, {"namespace": "OS::Test"})
    await admin.ask("PUT", f"{NAMESPACES}/OS::Test", {"namespace": 5})
    assert await told_names() == ["namespace.created"]
