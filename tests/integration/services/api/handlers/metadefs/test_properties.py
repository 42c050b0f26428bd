"""Properties of a namespace, over a socket."""

import pytest

NAMESPACE = "/v2/metadefs/namespaces/OS::Test"
PROPERTIES = f"{NAMESPACE}/properties"
CORES = {"title": "Cores", "type": "integer"}


@pytest.mark.rule("MD-61", "MD-63")
async def test_a_property_is_made_and_answers_with_its_definition(admin, make):
    await make()
    sent = {"name": "cores", **CORES, "operators": ["<or>"], "default": 2}
    answer = await admin.ask("POST", PROPERTIES, sent)
    assert answer.status == 201
    assert answer.json == {**sent, "default": "2"}
    assert not {"Location"} & set(answer.headers)
    assert (await admin.get(f"{PROPERTIES}/cores")).json == answer.json
    assert (await admin.get(PROPERTIES)).json == {"properties": {"cores": answer.json}}
    again = await admin.ask("POST", PROPERTIES, sent)
    assert again.status == 409
    said = "A metadata definition property with name=cores already exists in namespace=OS::Test."
    assert said in again.content.decode()


@pytest.mark.rule("MD-63", "MD-62")
async def test_what_came_with_the_namespace_says_its_name_only_by_itself(admin, make):
    await make(properties={"z": CORES, "a": {**CORES, "name": "other"}})
    listed = (await admin.get(f"{PROPERTIES}?limit=nonsense")).json
    assert list(listed["properties"]) == ["z", "a"]
    assert listed["properties"] == {"z": CORES, "a": {**CORES, "name": "other"}}
    assert (await admin.get(f"{PROPERTIES}/z")).json == {"name": "z", **CORES}
    assert (await admin.get(f"{PROPERTIES}/a")).json == {"name": "a", **CORES}  # what the map says always wins


@pytest.mark.rule("MD-62")
async def test_without_properties_the_map_is_empty(admin, make):
    await make()
    assert (await admin.get(PROPERTIES)).json == {"properties": {}}


@pytest.mark.rule("MD-66")
async def test_an_update_replaces_the_definition_and_may_rename(admin, make, told):
    await make(properties={"cores": {**CORES, "minimum": 1}, "x": CORES})
    answer = await admin.ask("PUT", f"{PROPERTIES}/cores", {"name": "cpus", "title": "CPUs", "type": "integer"})
    assert (answer.status, answer.json) == (200, {"name": "cpus", "title": "CPUs", "type": "integer"})
    assert (await admin.get(f"{PROPERTIES}/cores")).status == 404
    assert list((await admin.get(PROPERTIES)).json["properties"]) == ["cpus", "x"]  # in its old place
    assert (await admin.ask("PUT", f"{PROPERTIES}/cpus", {"name": "x", **CORES})).status == 409
    assert (await admin.ask("PUT", f"{PROPERTIES}/cpus", CORES)).status == 400
    assert (await told())[-1] == (
        "property.updated.v1",
        {
            "property": {"name": "cpus", "title": "CPUs", "type": "integer"},
            "previous": {"name": "cores", "title": "Cores", "minimum": 1},
        },
    )


@pytest.mark.rule("MD-66", "MD-67")
async def test_what_is_not_there_is_not_found(admin, make):
    await make()
    for method, body in (("GET", None), ("PUT", {"name": "p", **CORES}), ("DELETE", None)):
        answer = await admin.ask(method, f"{PROPERTIES}/p", body)
        assert answer.status == 404
        assert "Could not find property p" in answer.content.decode()


@pytest.mark.rule("MD-67", "MD-43")
async def test_properties_are_deleted_one_by_one_or_all(admin, make, told):
    await make(properties={"a": CORES, "b": CORES, "c": CORES})
    assert (await admin.ask("DELETE", f"{PROPERTIES}/b")).status == 204
    for _ in range(2):
        assert (await admin.ask("DELETE", PROPERTIES)).status == 204
        assert (await admin.get(PROPERTIES)).json == {"properties": {}}
    facts = await told()
    assert facts[-2] == ("property.deleted.v1", {"property": {"name": "b", **CORES}, "previous": {}})
    assert facts[-1][0] == "properties.deleted.v1"
    assert sorted(facts[-1][1]["names"]) == ["a", "c"]


BY_TYPE = [
    # name, resource type, what is shown; None where nothing is
    ("hw_cores", "OS::Glance::Image", "cores"),
    ("hw_hw_cores", "OS::Glance::Image", "hw_cores"),
    ("cores", "OS::Glance::Image", None),  # does not begin with the prefix
    ("hw_nothing", "OS::Glance::Image", None),
    ("cores", "OS::Nova::Server", None),  # no prefix
    ("cores", "OS::Nova::Flavor", None),  # not associated
    ("cores", "No::Such::Type", None),
    ("cores", "", "cores"),
    ("cores", None, "cores"),
]


@pytest.mark.rule("MD-65")
async def test_a_property_is_found_by_what_it_is_called_for_a_resource_type(admin, full):
    await full(properties={"cores": CORES, "hw_cores": CORES})
    await admin.ask("POST", "/v2/metadefs/namespaces", {
        "namespace": "OS::Other", "resource_type_associations": [{"name": "OS::Nova::Flavor", "prefix": "hw:"}],
    })  # fmt: skip
    for name, resource_type, shown in BY_TYPE:
        query = "?foo=bar" if resource_type is None else f"?resource_type={resource_type}"
        answer = await admin.get(f"{PROPERTIES}/{name}{query}")
        assert answer.status == (200 if shown else 404), (name, resource_type)
        assert shown is None or answer.json == {"name": shown, **CORES}
    refused = await admin.get(f"{PROPERTIES}/cores?resource_type=OS::Glance::Image")
    assert "Property cores does not start with the expected resource type association prefix of" in (
        refused.content.decode()
    )
