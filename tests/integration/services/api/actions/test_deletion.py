"""Deletes, as far as they leave nothing for the scrubber."""

import pytest


@pytest.mark.rule("IMG-232", "IMG-373")
async def test_of_an_image_without_bytes_only_that_it_was_is_kept(api, owner):
    image = await owner.create(os_distro="debian", tags=["lts"])
    await owner.ask("POST", f"/v2/images/{image['id']}/members", {"member": "p2"})
    assert (await owner.ask("DELETE", f"/v2/images/{image['id']}")).status == 204
    row = await api.row(image["id"])
    assert (row.status, row.properties, row.tags) == ("deleted", {}, [])
    async with api.ports.database.reading() as reader:
        assert await reader.fetchval("SELECT count(*) FROM members WHERE image_id = $1", image["id"]) == 0


@pytest.mark.rule("IMG-719", "IMG-720", "IMG-731", "IMG-732")
async def test_who_may_ask_an_image_back_and_what_is_answered(owner, admin, an_id):
    active, empty = await owner.create_active(), await owner.create()
    path = f"/v2/images/{active['id']}/actions/restore"
    assert (await admin.ask("POST", path)).status == 409  # it is not deleted
    assert (await owner.ask("POST", path)).status == 404
    for image in (active, empty):
        assert (await owner.ask("DELETE", f"/v2/images/{image['id']}")).status == 204
    assert (await admin.ask("POST", path, {})).status == 400
    assert (await owner.ask("POST", path)).status == 404
    assert (await admin.ask("POST", path)).status == 202
    assert (await admin.ask("POST", path)).status == 202  # said twice
    assert (await admin.ask("POST", f"/v2/images/{empty['id']}/actions/restore")).status == 404  # nothing is left
    assert (await admin.ask("POST", f"/v2/images/{an_id}/actions/restore")).status == 404
