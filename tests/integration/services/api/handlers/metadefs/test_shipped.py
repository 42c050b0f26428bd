"""The definitions that come with Glimpse, as clients see them."""

import jsonschema
import pytest

from services.api.actions.metadefs import loading

NAMESPACES = "/v2/metadefs/namespaces"


@pytest.mark.rule("MD-110", "MD-104", "MD-20")
async def test_definitions_that_come_with_glimpse_are_shown_as_the_schema_says(api, admin, owner):
    assert await loading.fill_once(api.ports.database) == 33
    document = (await admin.get("/v2/schemas/metadefs/namespace")).json
    listed = (await admin.get(f"{NAMESPACES}?limit=100")).json
    jsonschema.validate(listed, (await admin.get("/v2/schemas/metadefs/namespaces")).json)
    assert len(listed["namespaces"]) == 33
    to_others = (await owner.get(f"{NAMESPACES}?limit=100")).json["namespaces"]
    assert len(to_others) == 31  # two files do not say that everybody sees them
    for each in listed["namespaces"]:
        shown = (await admin.get(f"{NAMESPACES}/{each['namespace']}")).json
        jsonschema.validate(shown, document)
        assert "updated_at" not in shown
    for_flavors = await admin.get(f"{NAMESPACES}/OS::Compute::Watchdog?resource_type=OS::Nova::Flavor")
    assert list(for_flavors.json["properties"]) == ["hw:watchdog_action"]
    types = (await owner.get("/v2/metadefs/resource_types")).json["resource_types"]
    assert len(types) == 6
    assert types[0].keys() == {"name", "created_at"}  # MD-53
