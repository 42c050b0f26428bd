"""Tags of a namespace, one or many, over a socket."""

import asyncio

import pytest

NAMESPACE = "/v2/metadefs/namespaces/OS::Test"
TAGS = f"{NAMESPACE}/tags"


def body(*names):
    return {"tags": [{"name": name} for name in names]}


async def names(person, query=""):
    answer = await person.get(f"{TAGS}{query}")
    assert answer.status == 200, answer.content
    return [each["name"] for each in answer.json["tags"]]


@pytest.mark.rule("MD-80", "MD-81")
async def test_one_tag_is_made_by_its_path_alone(admin, make):
    await make()
    answer = await admin.ask("POST", f"{TAGS}/a%20b")
    assert answer.status == 201
    assert answer.json.keys() == {"name", "created_at", "updated_at"}
    assert answer.json["name"] == "a b"
    assert (await admin.get(f"{TAGS}/a%20b")).json == answer.json
    again = await admin.ask("POST", f"{TAGS}/a%20b")
    assert again.status == 409
    assert "A metadata tag with name=a b already exists in namespace=OS::Test." in again.content.decode()
    assert (await admin.ask("POST", f"{TAGS}/x", {"name": "x"})).status == 400
    assert (await admin.ask("POST", f"{TAGS}/{'x' * 80}")).status == 201


@pytest.mark.rule("MD-81")
async def test_a_tag_is_renamed(admin, make, told):
    await make(tags=[{"name": "a"}, {"name": "b"}])
    answer = await admin.ask("PUT", f"{TAGS}/a", {"name": "c"})
    assert (answer.status, answer.json["name"]) == (200, "c")
    assert (await admin.ask("PUT", f"{TAGS}/c", {"name": "c"})).status == 200
    assert (await admin.ask("PUT", f"{TAGS}/c", {"name": "b"})).status == 409
    for method, sent in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
        missing = await admin.ask(method, f"{TAGS}/a", sent)
        assert missing.status == 404
        assert "Could not find metadata tag a" in missing.content.decode()
    facts = [(fact, data["previous"]) for fact, data in await told() if fact == "tag.updated.v1"]
    assert facts == [("tag.updated.v1", {"name": "a"}), ("tag.updated.v1", {})]


@pytest.mark.rule("MD-82")
async def test_many_tags_take_the_place_of_those_there_were(admin, make, told_names):
    await make(tags=[{"name": "old"}, {"name": "older"}])
    answer = await admin.ask("POST", TAGS, body("z", "a", "m"))
    assert (answer.status, answer.json) == (201, body("z", "a", "m"))
    assert sorted(await names(admin)) == ["a", "m", "z"]
    assert (await told_names())[-4:] == ["tags.deleted", "tag.created", "tag.created", "tag.created"]


APPEND = [(value, True) for value in ("True", "1", "t", "TRUE", "on", "y", " yes ", "Y")]
APPEND += [(value, False) for value in ("", "false", "0", "no", "2", "truee")]


@pytest.mark.rule("MD-82")
async def test_many_tags_are_added_where_that_is_asked_for(admin, make):
    await make()
    for value, is_added in APPEND:
        await admin.ask("POST", TAGS, body("old"))
        answer = await admin.ask("POST", TAGS, body("new"), headers={"X-Openstack-Append": value})
        assert (answer.status, answer.json) == (201, body("new"))
        assert sorted(await names(admin)) == (["new", "old"] if is_added else ["new"]), value


@pytest.mark.rule("MD-82")
async def test_of_many_tags_all_are_made_or_none(admin, make, told_names):
    await make(tags=[{"name": "old"}])
    for sent, header in ((body("a", "b", "a"), "no"), (body("a", "b", "a"), "yes"), (body("a", "old"), "yes")):
        assert (await admin.ask("POST", TAGS, sent, headers={"X-Openstack-Append": header})).status == 409
        assert await names(admin) == ["old"]
    assert (await admin.ask("POST", TAGS, body("old"))).status == 201  # its namesake is gone first
    empty = await admin.ask("POST", TAGS, {"tags": []})
    assert (empty.status, empty.json) == (201, {"tags": []})
    assert await names(admin) == ["old"]


async def test_tags_that_are_added_at_a_time_are_all_there(admin, make):
    await make()
    append = {"X-Openstack-Append": "True"}
    racing = [admin.ask("POST", TAGS, body(f"t{number}", "same"), headers=append) for number in range(5)]
    assert sorted(each.status for each in await asyncio.gather(*racing)) == [201, 409, 409, 409, 409]
    assert len(await names(admin)) == 2


QUERIES = [
    # query, what is listed
    ("", "dcba"),  # MD-36: newest first
    ("?sort_dir=asc", "abcd"),
    ("?sort_key=name", "dcba"),
    ("?sort_key=name&sort_dir=asc", "abcd"),
    ("?sort_key=updated_at&sort_dir=asc", "acdb"),
    ("?limit=0", ""),
    ("?limit=2", "dc"),
    ("?limit=", "dcba"),
    ("?limit=99999999999999999999", "dcba"),
    ("?marker=c", "ba"),
    ("?marker=c&sort_dir=asc&limit=1", "d"),
    ("?marker=", "dcba"),
    ("?visibility=shared&foo=bar", "dcba"),
]
REFUSED = [
    ("?limit=-1", 400),
    ("?limit=x", 400),
    ("?sort_dir=up", 400),
    ("?sort_key=size", 400),
    ("?visibility=community", 400),
    ("?marker=x", 404),
]


@pytest.mark.rule("MD-83", "MD-36")
async def test_tags_are_listed_in_pages_and_without_a_limit_all_of_them(admin, make):
    await make()
    for name in "abcd":
        await admin.ask("POST", f"{TAGS}/{name}")
    await admin.ask("PUT", f"{TAGS}/b", {"name": "b"})
    for query, listed in QUERIES:
        assert "".join(await names(admin, query)) == listed, query
    for query, status in REFUSED:
        assert (await admin.get(f"{TAGS}{query}")).status == status, query
    assert (await admin.get(TAGS)).json.keys() == {"tags"}
    many = [f"n{number}" for number in range(60)]
    await admin.ask("POST", TAGS, body(*many))
    assert await names(admin) == many[::-1]


@pytest.mark.rule("MD-43", "MD-81")
async def test_tags_are_deleted_one_by_one_or_all(admin, make, told):
    await make(tags=[{"name": "a"}, {"name": "b"}, {"name": "c"}])
    assert (await admin.ask("DELETE", f"{TAGS}/b")).status == 204
    for _ in range(2):
        assert (await admin.ask("DELETE", TAGS)).status == 204
        assert await names(admin) == []
    facts = await told()
    assert [fact for fact, _ in facts[-2:]] == ["tag.deleted.v1", "tags.deleted.v1"]
    assert (facts[-2][1]["tag"]["name"], sorted(facts[-1][1]["names"])) == ("b", ["a", "c"])
