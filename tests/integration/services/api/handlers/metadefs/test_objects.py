"""Objects of a namespace, over a socket."""

import pytest

NAMESPACE = "/v2/metadefs/namespaces/OS::Test"
OBJECTS = f"{NAMESPACE}/objects"
SHARES = {"title": "Shares", "type": "number"}


def untimed(shown):
    return {name: value for name, value in shown.items() if name not in ("created_at", "updated_at")}


@pytest.mark.rule("MD-71")
async def test_an_object_is_made_and_answers_with_what_was_sent(admin, make):
    await make()
    answer = await admin.ask("POST", OBJECTS, {"name": "o", "required": ["b", "a"], "properties": {"a": SHARES}})
    assert answer.status == 201
    assert "Location" not in answer.headers
    assert answer.json["created_at"] == answer.json["updated_at"]
    assert untimed(answer.json) == {
        "name": "o",
        "required": ["b", "a"],
        "properties": {"a": SHARES},
        "self": "/v2/metadefs/namespaces/OS::Test/objects/o",
        "schema": "/v2/schemas/metadefs/object",
    }
    assert (await admin.get(f"{OBJECTS}/o")).json == answer.json


@pytest.mark.rule("MD-71", "MD-74")
async def test_what_was_not_sent_is_only_shown_later(admin, make):
    await make()
    for answer in (
        await admin.ask("POST", OBJECTS, {"name": "o"}),
        await admin.ask("PUT", f"{OBJECTS}/o", {"name": "o"}),
    ):
        assert untimed(answer.json).keys() == {"name", "self", "schema"}
    shown = (await admin.get(f"{OBJECTS}/o")).json
    assert (shown["required"], shown["properties"], "description" in shown) == ([], {}, False)


@pytest.mark.rule("MD-71", "MD-120")
async def test_a_name_is_there_once_in_a_namespace(admin, make):
    await make()
    await make("OS::Other", objects=[{"name": "o"}])
    assert (await admin.ask("POST", OBJECTS, {"name": "o"})).status == 201
    again = await admin.ask("POST", OBJECTS, {"name": "o"})
    assert again.status == 409
    said = "A metadata definition object with name=o already exists in namespace=OS::Test."
    assert said in again.content.decode()


@pytest.mark.rule("MD-74")
async def test_an_update_replaces_everything_and_may_rename(api, admin, make, told):
    await make(
        objects=[{"name": "o", "description": "d", "required": ["a"], "properties": {"a": SHARES}}, {"name": "x"}]
    )
    await api.execute("UPDATE metadef_objects SET created_at = created_at - interval '1 hour'")
    before = (await admin.get(f"{OBJECTS}/o")).json
    answer = await admin.ask("PUT", f"{OBJECTS}/o", {"name": "n n", "properties": {"b": SHARES}})
    assert answer.status == 200
    assert answer.json["self"] == "/v2/metadefs/namespaces/OS::Test/objects/n n"
    assert (await admin.get(f"{OBJECTS}/o")).status == 404
    shown = (await admin.get(f"{OBJECTS}/n%20n")).json
    assert (shown["required"], list(shown["properties"]), "description" in shown) == ([], ["b"], False)
    assert shown["created_at"] == before["created_at"] < shown["updated_at"]
    taken = await admin.ask("PUT", f"{OBJECTS}/n%20n", {"name": "x"})
    assert taken.status == 409
    fact, data = (await told())[-1]
    assert fact == "object.updated.v1"
    assert data["object"]["name"] == "n n"
    assert data["previous"] == {
        "name": "o",
        "description": "d",
        "required": ["a"],
        "properties": {"a": SHARES},
    }


@pytest.mark.rule("MD-74")
async def test_what_is_not_there_is_not_found(admin, make):
    await make()
    for method, body in (("GET", None), ("PUT", {"name": "o"}), ("DELETE", None)):
        answer = await admin.ask(method, f"{OBJECTS}/o", body)
        assert answer.status == 404
        assert "Could not find metadata object o" in answer.content.decode()


@pytest.mark.rule("MD-73")
async def test_a_list_has_every_object_in_the_order_in_which_they_were_made(admin, make):
    await make(objects=[{"name": "z"}, {"name": "a"}])
    await admin.ask("POST", OBJECTS, {"name": "m"})
    listed = (await admin.get(OBJECTS)).json
    assert listed.keys() == {"objects", "schema"}
    assert listed["schema"] == "v2/schemas/metadefs/objects"
    assert [each["name"] for each in listed["objects"]] == ["z", "a", "m"]
    assert listed["objects"][0] == (await admin.get(f"{OBJECTS}/z")).json


QUERIES = [
    # query, status
    ("?limit=1", 200),
    ("?limit=0", 400),
    ("?limit=-1", 400),
    ("?limit=", 400),
    ("?limit=x", 400),
    ("?sort_dir=asc&sort_key=whatever&marker=nobody", 200),
    ("?sort_dir=up", 400),
    ("?visibility=shared", 200),
    ("?visibility=community", 400),
    ("?foo", 200),
]


@pytest.mark.rule("MD-73")
async def test_the_query_of_a_list_must_make_sense_and_has_no_effect(admin, make):
    await make(objects=[{"name": "z"}, {"name": "a"}])
    for query, status in QUERIES:
        answer = await admin.get(f"{OBJECTS}{query}")
        assert answer.status == status, query
        assert status == 400 or len(answer.json["objects"]) == 2
    assert (await admin.get("/v2/metadefs/namespaces/nobody/objects?limit=0")).status == 400


@pytest.mark.rule("MD-72")
async def test_a_required_name_with_a_comma_in_it_stays_one(admin, make):
    await make(objects=[{"name": "o", "required": ["a,b", "c"]}])
    assert (await admin.get(f"{OBJECTS}/o")).json["required"] == ["a,b", "c"]


@pytest.mark.rule("MD-43", "MD-74")
async def test_objects_are_deleted_one_by_one_or_all(admin, make, told):
    await make(objects=[{"name": "a"}, {"name": "b"}, {"name": "c"}])
    assert (await admin.ask("DELETE", f"{OBJECTS}/b")).status == 204
    assert [each["name"] for each in (await admin.get(OBJECTS)).json["objects"]] == ["a", "c"]
    for _ in range(2):  # the second finds none
        assert (await admin.ask("DELETE", OBJECTS)).status == 204
        assert (await admin.get(OBJECTS)).json["objects"] == []
    facts = await told()
    assert [fact for fact, _ in facts[-2:]] == ["object.deleted.v1", "objects.deleted.v1"]
    assert facts[-2][1]["object"]["name"] == "b"
    assert sorted(facts[-1][1]["names"]) == ["a", "c"]


@pytest.mark.rule("MD-94")
async def test_what_was_shown_can_be_sent_back(admin, full):
    await full()
    shown = (await admin.get(f"{OBJECTS}/CPU%20Limits")).json
    sent = {name: value for name, value in untimed(shown).items() if name not in ("self", "schema")}
    assert (await admin.ask("PUT", f"{OBJECTS}/CPU%20Limits", sent)).status == 200
    again = (await admin.get(f"{OBJECTS}/CPU%20Limits")).json
    assert {**again, "updated_at": ""} == {**shown, "updated_at": ""}
