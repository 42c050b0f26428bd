"""What other programs of a cloud ask of images, one call after the other (section 31)."""

import pytest

V21 = "application/openstack-images-v2.1-json-patch"
OCTETS = {"Content-Type": "application/octet-stream"}


@pytest.mark.rule("IMG-686")
async def test_a_snapshot_as_nova_makes_one(api):
    nova, other = api.person("p1"), api.person("p2")
    image = await nova.create(name="snapshot", visibility="private", disk_format="raw", container_format="bare")
    changes = [
        {"op": "add", "path": f"/{name}", "value": value} for name, value in (("base_image_ref", "x"), ("os", "y"))
    ]
    patched = await nova.ask("PATCH", f"/v2/images/{image['id']}", changes, headers={"Content-Type": V21})
    assert (patched.status, patched.json["base_image_ref"]) == (200, "x")

    async def chunks():
        for _ in range(20):
            yield b"x" * 10_000

    assert (await nova.upload(image["id"], chunks())).status == 204  # without a Content-Length
    shown = await nova.show(image["id"])
    assert (shown["status"], shown["size"]) == ("active", 200_000)
    downloaded = await nova.get(f"/v2/images/{image['id']}/file")
    assert (downloaded.status, len(downloaded.content)) == (200, 200_000)
    assert (await other.get(f"/v2/images/{image['id']}/file")).status == 404


@pytest.mark.rule("IMG-686")
async def test_nova_is_told_of_a_quota(run, settings):
    settings["images"] = {"user_storage_quota": "10B"}
    async with run(settings) as api:
        nova = api.person()
        image = await nova.create(disk_format="raw", container_format="bare")
        assert (await nova.upload(image["id"], b"x" * 100)).status == 413


@pytest.mark.rule("IMG-688")
async def test_calls_about_an_image_that_is_not_there_as_tempest_makes_them(owner, an_id):
    path = f"/v2/images/{an_id}"
    for method, end, body, headers in (
        ("GET", "", None, {}),
        ("PATCH", "", [], {"Content-Type": V21}),
        ("DELETE", "", None, {}),
        ("GET", "/file", None, {}),
        ("PUT", "/file", b"x", OCTETS),
        ("PUT", "/stage", b"x", OCTETS),
        ("POST", "/import", {"method": {"name": "glance-direct"}}, {}),
        ("POST", "/actions/deactivate", None, {}),
        ("POST", "/actions/reactivate", None, {}),
        ("PUT", "/tags/t", None, {}),
        ("DELETE", "/tags/t", None, {}),
        ("GET", "/members", None, {}),
        ("POST", "/members", {"member": "p2"}, {}),
        ("GET", "/members/p2", None, {}),
        ("PUT", "/members/p2", {"status": "accepted"}, {}),
        ("DELETE", "/members/p2", None, {}),
        ("GET", "/tasks", None, {}),
    ):
        assert (await owner.ask(method, f"{path}{end}", body, headers=headers)).status == 404, (method, end)


@pytest.mark.rule("IMG-688")
async def test_lists_as_tempest_makes_them(owner):
    made = [await owner.create(name=f"tempest-{n}", container_format="bare", disk_format="raw") for n in range(3)]
    hidden = await owner.create(os_hidden=True)

    async def ids(query):
        return [each["id"] for each in (await owner.get(f"/v2/images?{query}")).json["images"]]

    assert await ids("os_hidden=true") == [hidden["id"]]
    assert await ids("sort=created_at:asc&limit=1") == [made[0]["id"]]
    assert await ids(f"limit=1&marker={made[1]['id']}") == [made[0]["id"]]
    assert len(await ids("status=in:queued,active&container_format=in:bare,ovf")) == 3
    assert await ids("name=in:tempest-0,tempest-2&sort_key=name&sort_dir=asc") == [made[0]["id"], made[2]["id"]]


@pytest.mark.rule("IMG-688")
async def test_refusals_as_tempest_expects_them(api, owner, stranger, admin):
    image = await owner.create_active(visibility="community")
    path = f"/v2/images/{image['id']}"
    assert (await owner.ask("POST", "/v2/images", {"id": image["id"]})).status == 409
    assert (await owner.ask("POST", "/v2/images", {"disk_format": "wrong"})).status == 400
    assert (await owner.ask("POST", "/v2/images", {"container_format": "wrong"})).status == 400
    assert (await owner.ask("POST", f"{path}/actions/deactivate")).status == 204
    assert (await owner.get(f"{path}/file")).status == 403
    assert (await stranger.get(f"{path}/file")).status == 403
    assert (await admin.get(f"{path}/file")).status == 200
    assert (await owner.get("/v2/tasks")).status == 403  # IMG-135
    assert (await admin.get("/v2/tasks")).status == 200
    assert (await admin.get("/v2/info/stores/detail")).status == 200
    assert (await owner.get("/v2/info/stores/detail")).status == 403
    for name in ("image", "images", "member", "members", "task", "tasks"):
        schema = (await owner.get(f"/v2/schemas/{name}")).json
        assert schema["name"] == name
