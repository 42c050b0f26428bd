"""Resource types, and what namespaces are for, over a socket."""

import asyncio

import pytest

NAMESPACE = "/v2/metadefs/namespaces/OS::Test"
TYPES = f"{NAMESPACE}/resource_types"


@pytest.mark.rule("MD-51", "MD-52")
async def test_a_namespace_is_associated_with_resource_types(admin, make, told):
    await make()
    assert (await admin.get(TYPES)).json == {"resource_type_associations": []}
    sent = {"name": "OS::Nova::Flavor", "prefix": "hw:", "properties_target": "x"}
    answer = await admin.ask("POST", TYPES, sent)
    assert answer.status == 201
    assert answer.json == {**sent, "created_at": answer.json["created_at"], "updated_at": answer.json["created_at"]}
    assert "Location" not in answer.headers
    bare = await admin.ask("POST", TYPES, {"name": "OS::Glance::Image"})
    assert bare.json.keys() == {"name", "created_at", "updated_at"}
    assert (await admin.get(TYPES)).json == {"resource_type_associations": [answer.json, bare.json]}
    again = await admin.ask("POST", TYPES, {"name": "OS::Nova::Flavor"})
    assert again.status == 409
    assert (
        "The metadata definition resource-type association of resource-type=OS::Nova::Flavor to namespace=OS::Test "
        "already exists." in again.content.decode()
    )
    assert [fact for fact, _ in await told()][1:] == ["association.created.v1"] * 2


@pytest.mark.rule("MD-53", "MD-22")
async def test_every_resource_type_of_every_project_is_listed(admin, stranger, make):
    await make("A", visibility="private", owner="p1", resource_type_associations=[{"name": "Z"}, {"name": "B"}])
    await make("B", resource_type_associations=[{"name": "A"}, {"name": "Z"}])
    listed = (await stranger.get("/v2/metadefs/resource_types")).json
    assert [each["name"] for each in listed["resource_types"]] == ["Z", "B", "A"]
    assert all(each.keys() == {"name", "created_at", "updated_at"} for each in listed["resource_types"])
    assert listed.keys() == {"resource_types"}


@pytest.mark.rule("MD-54")
async def test_an_association_goes_and_the_resource_type_stays(admin, make, told):
    await make(resource_type_associations=[{"name": "A", "prefix": "a_"}, {"name": "B"}])
    answer = await admin.ask("DELETE", f"{TYPES}/A")
    assert (answer.status, answer.content) == (204, b"")
    assert [each["name"] for each in (await admin.get(TYPES)).json["resource_type_associations"]] == ["B"]
    assert len((await admin.get("/v2/metadefs/resource_types")).json["resource_types"]) == 2
    for name in ("A", "nobody"):
        gone = await admin.ask("DELETE", f"{TYPES}/{name}")
        assert gone.status == 404
        assert f"Failed to find resource type {name} to delete" in gone.content.decode()
    fact, data = (await told())[-1]
    assert (fact, data["association"]["prefix"]) == ("association.deleted.v1", "a_")
    assert (await admin.ask("POST", TYPES, {"name": "A", "prefix": "b_"})).json["prefix"] == "b_"


async def test_of_many_who_associate_the_same_one_does(admin, make):
    await make()
    racing = [admin.ask("POST", TYPES, {"name": "A"}) for _ in range(5)]
    assert sorted(each.status for each in await asyncio.gather(*racing)) == [201, 409, 409, 409, 409]
