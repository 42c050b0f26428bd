"""Schemas over a socket, and images that keep to them."""

import jsonschema
import pytest

from schemas import discovery

NAMES = ["image", "images", "member", "members", "task", "tasks"]
AN_ID = "11111111-2222-4333-8444-555555555555"


async def test_every_schema_is_there_for_whoever_has_a_token(api):  # IMG-138, IMG-592 to IMG-597
    nobody = api.person("p9", roles="x")
    for name in NAMES:
        answer = await nobody.get(f"/v2/schemas/{name}")
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert answer.json["name"] == name
    assert (await nobody.get("/v2/schemas/image")).json == discovery.image(api.ports.fields)


async def test_a_schema_knows_the_formats_of_the_deployment(run, settings):  # IMG-21, IMG-22, IMG-606
    settings["images"] = {"disk_formats": ["raw", "bespoke"], "container_formats": ["bare"]}
    async with run(settings) as api:
        described = (await api.person().get("/v2/schemas/images")).json["properties"]["images"]["items"]["properties"]
        assert described["disk_format"]["enum"] == [None, "raw", "bespoke"]
        assert described["container_format"]["enum"] == [None, "bare"]
        await api.person().create(disk_format="bespoke", container_format="bare")


async def test_other_names_and_methods_are_refused(api, owner):
    for name in ("location", "bogus", "image/", "Image"):
        assert (await owner.get(f"/v2/schemas/{name}")).status == 404  # section 26
        assert (await owner.ask("POST", f"/v2/schemas/{name}", {})).status == 404  # IMG-77
    for name in NAMES:
        answer = await owner.ask("POST", f"/v2/schemas/{name}", {})
        assert (answer.status, answer.headers["Allow"]) == (405, "GET")  # IMG-677
        assert (await owner.get(f"/v2/schemas/{name}", body=b"{}")).status == 400  # IMG-84, IMG-85
    assert (await api.person().ask("GET", "/v2/schemas/image", headers={"X-Identity-Status": "Invalid"})).status == 401


async def test_what_the_service_shows_is_what_its_schemas_say(api, owner, admin):
    image = await owner.create_active(name="a", tags=["x"], hw_disk_bus="virtio", kernel_id=AN_ID)
    await owner.ask("POST", f"/v2/images/{image['id']}/members", {"member": "p2"})
    task = await admin.ask(
        "POST",
        "/v2/tasks",
        {"type": "import", "input": {"import_from": "http://127.0.0.1/a", "import_from_format": "raw"}},
    )
    pages = {
        "image": f"/v2/images/{image['id']}",
        "images": "/v2/images?limit=1",
        "member": f"/v2/images/{image['id']}/members/p2",
        "members": f"/v2/images/{image['id']}/members",
        "task": f"/v2/tasks/{task.json['id']}",
        "tasks": "/v2/tasks",
    }
    for name, path in pages.items():
        schema = (await admin.get(f"/v2/schemas/{name}")).json
        shown = (await admin.get(path)).json
        jsonschema.Draft4Validator(schema).validate(shown)
        beside = {"image": {"hw_disk_bus"}, "tasks": {"first"}}  # the latter in the contract, too (IMG-581, IMG-597)
        assert shown.keys() - schema["properties"].keys() == beside.get(name, set())


@pytest.mark.rule("IMG-185")
async def test_properties_that_are_defined_as_more_than_texts_are_held_to_it(owner):
    image = await owner.create(kernel_id=AN_ID, cinder_encryption_key_deletion_policy="do_not_delete")
    assert (image["kernel_id"], image["cinder_encryption_key_deletion_policy"]) == (AN_ID, "do_not_delete")
    for name, value in (("kernel_id", "no uuid"), ("cinder_encryption_key_deletion_policy", "x"), ("os_distro", None)):
        assert (await owner.ask("POST", "/v2/images", {name: value})).status == 400
        for op in ("add", "replace"):
            change = {"op": op, "path": f"/{name}", "value": value}
            assert (await owner.patch(image["id"], change)).status == 400
            assert (await owner.patch(AN_ID, change)).status == 400  # IMG-324: before the image is looked for
    emptied = await owner.patch(image["id"], {"op": "replace", "path": "/kernel_id", "value": None})
    assert (emptied.status, emptied.json["kernel_id"]) == (200, "")  # IMG-186
    removed = await owner.patch(image["id"], {"op": "remove", "path": "/kernel_id"})
    assert (removed.status, "kernel_id" in removed.json) == (200, False)
