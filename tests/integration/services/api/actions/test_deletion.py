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


@pytest.mark.rule("IMG-374", "IMG-375", "IMG-376", "IMG-377", "IMG-383")
async def test_who_may_not_delete_is_refused_and_nothing_is_touched(api, owner, stranger, admin, an_id):
    hidden = (await owner.create_active(b"x"))["id"]
    seen = (await owner.create_active(b"x", visibility="community", protected=True))["id"]
    for person, image_id, body, status in (
        (stranger, an_id, {}, 400),  # before it is known what there is (IMG-84)
        (owner, an_id, None, 404),
        (owner, "no uuid at all", None, 404),
        (stranger, hidden, None, 404),
        (stranger, seen, None, 403),
        (api.person("p1", roles="reader"), hidden, None, 403),
        (owner, seen, None, 403),
        (admin, seen, None, 403),  # protected from everybody
    ):
        answer = await person.ask("DELETE", f"/v2/images/{image_id}", body)
        assert answer.status == status, (image_id, body)
    stranger_said = (await stranger.ask("DELETE", f"/v2/images/{seen}")).content
    assert b"delete_image" in stranger_said, "rights are looked at first"
    assert b"protected" in (await owner.ask("DELETE", f"/v2/images/{seen}")).content
    for image_id in (hidden, seen):
        assert (await owner.get(f"/v2/images/{image_id}/file")).content == b"x"
    await owner.patch(seen, {"op": "replace", "path": "/protected", "value": False})
    assert (await owner.ask("DELETE", f"/v2/images/{seen}")).status == 204
    assert (await owner.ask("DELETE", f"/v2/images/{seen}")).status == 404


@pytest.mark.rule("IMG-714", "IMG-716", "IMG-233", "IMG-235", "IMG-380", "IMG-26", "OP-5")
@pytest.mark.parametrize(
    ("status", "comes_back"),
    [("active", "active"), ("deactivated", "deactivated"), ("saving", "queued"), ("importing", "queued")],
)
async def test_whatever_has_bytes_can_be_deleted_and_comes_back_as_it_was(run, settings, status, comes_back):
    settings["scrubber"] = {"delayed_delete": True, "grace_seconds": 1000}
    async with run(settings) as api:
        image_id = (await api.person().create_active(b"x"))["id"]
        await api.execute("UPDATE images SET status = $2 WHERE id = $1", image_id, status)
        assert (await api.person().ask("DELETE", f"/v2/images/{image_id}")).status == 204
        row = await api.row(image_id)
        assert (row.status, row.status_before) == ("pending_delete", comes_back)
        assert (row.purge_after - row.deleted_at).total_seconds() == 1000


@pytest.mark.rule("IMG-26", "IMG-217")
async def test_without_a_grace_period_the_bytes_are_due_at_once(api, owner):
    image_id = (await owner.create_active(b"x"))["id"]
    assert (await owner.ask("DELETE", f"/v2/images/{image_id}")).status == 204
    row = await api.row(image_id)
    assert (row.status, row.purge_after) == ("pending_delete", row.deleted_at)


@pytest.mark.rule("IMG-382", "IMG-730", "IMG-378", "IMG-379")
@pytest.mark.parametrize("trouble", ["gone", "away"])
async def test_the_bytes_of_a_deleted_image_may_be_gone_or_out_of_reach(api, owner, tmp_path, trouble):
    image_id = (await owner.create_active(b"x"))["id"]
    folder = tmp_path / "fast"
    if trouble == "gone":
        next((folder / image_id).iterdir()).unlink()
    else:
        folder.rename(tmp_path / "elsewhere")
    assert (await owner.ask("DELETE", f"/v2/images/{image_id}")).status == 204
    assert (await owner.get(f"/v2/images/{image_id}")).status == 404
