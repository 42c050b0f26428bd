"""GET /v2/images/deleted: what is gone, since when, and until when it can be restored."""

import asyncio
import json

import pytest
from typer.testing import CliRunner

from glimpse.cli import app

DELETED = "/v2/images/deleted"


@pytest.fixture
def settings(settings):
    return {**settings, "scrubber": {"delayed_delete": True, "grace_seconds": 3600}}


async def delete(person, image):
    assert (await person.ask("DELETE", f"/v2/images/{image['id']}")).status == 204
    return image["id"]


async def listed(person, query=""):
    answer = await person.get(DELETED + query)
    assert answer.status == 200, answer.content
    return answer.json


async def ids(person, query=""):
    return [image["id"] for image in (await listed(person, query))["images"]]


@pytest.mark.rule("IMG-742")
async def test_deleted_images_are_shown_with_what_they_were_and_until_when_they_can_be_restored(api, owner, admin):
    await owner.create(name="still there")
    empty = await delete(owner, await owner.create(name="empty", hw_rng="x"))
    whole = await delete(owner, await owner.create_active(b"bytes", name="whole", tags=["a"], hw_rng="x"))
    page = await listed(admin)
    assert page.keys() == {"images", "first"}
    assert page["first"] == DELETED
    first, second = page["images"]
    assert [first["id"], second["id"]] == [whole, empty]  # the newest deletion first
    assert (first["status"], first["name"], first["tags"], first["hw_rng"]) == ("pending_delete", "whole", ["a"], "x")
    assert (second["status"], second["restorable"], second["restorable_until"]) == ("deleted", False, None)
    assert first["restorable"] is True
    assert first["deleted_at"] < first["restorable_until"]
    assert first["restore_requested_at"] is None
    assert not first.keys() & {"self", "file", "schema"}
    assert (await admin.ask("POST", f"/v2/images/{whole}/actions/restore")).status == 202
    first = (await listed(admin))["images"][0]
    assert (first["restorable"], first["restorable_until"]) == (True, None)
    assert first["restore_requested_at"] is not None
    await api.execute("UPDATE images SET restore_requested_at = NULL, purge_started_at = now() WHERE id = $1", whole)
    first = (await listed(admin))["images"][0]
    assert (first["restorable"], first["restorable_until"]) == (False, None)


@pytest.mark.rule("IMG-742")
async def test_pages_follow_each_other_and_filters_hold_on_each(api, owner, stranger, admin):
    mine = [await delete(owner, await owner.create(name=f"n{number % 2}")) for number in range(5)]
    theirs = await delete(stranger, await stranger.create(name="n0"))
    await api.execute("UPDATE images SET deleted_at = '2026-01-01' WHERE id = ANY($1)", mine[:3])  # ties, by id
    found, path = [], f"{DELETED}?owner=p1&limit=2"
    while path:
        page = (await admin.get(path)).json
        found += [image["id"] for image in page["images"]]
        path = page.get("next")
        assert len(found) <= 6
    assert found == [mine[4], mine[3], *sorted(mine[:3], reverse=True)]
    assert await ids(admin, "?owner=p2") == [theirs]
    assert set(await ids(admin, "?name=n0")) == {mine[0], mine[2], mine[4], theirs}
    assert await ids(admin, "?status=pending_delete") == []
    assert await ids(admin, "?limit=0") == []


@pytest.mark.rule("IMG-742")
@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "marker=nothing", "status=active", "tag=a", "sort_key=name"])
async def test_what_makes_no_sense_is_refused(admin, query):
    assert (await admin.get(f"{DELETED}?{query}")).status == 400


# IMG-742
async def test_a_marker_must_be_deleted(admin):
    there = await admin.create()
    assert (await admin.get(f"{DELETED}?marker={there['id']}")).status == 400


@pytest.mark.rule("IMG-742")
async def test_to_everybody_else_there_is_no_such_image(api, owner):
    unknown = await owner.get("/v2/images/restored")
    refused = await owner.get(DELETED)
    assert (refused.status, refused.content) == (404, unknown.content.replace(b"restored", b"deleted"))
    for person in (owner, api.admin):
        for method in ("PUT", "POST", "PATCH", "DELETE"):
            assert (await person.ask(method, DELETED)).status == 404


@pytest.mark.rule("IMG-742")
async def test_whom_a_policy_lets_restore_sees_what_the_project_had(settings, run, tmp_path):
    rules = tmp_path / "policy.yaml"
    rules.write_text('restore_image: "role:member and project_id:%(project_id)s or role:admin"\n')
    settings["policy"] = {"file": str(rules)}
    async with run(settings) as api:
        owner, stranger = api.person("p1"), api.person("p2")
        mine = await delete(owner, await owner.create())
        theirs = await delete(stranger, await stranger.create())
        assert await ids(owner) == await ids(owner, "?owner=p1") == [mine]
        assert await ids(owner, "?owner=p2") == []
        assert await ids(api.person(None)) == []
        assert set(await ids(api.admin)) == {mine, theirs}


@pytest.mark.rule("IMG-742", "IMG-152")
async def test_what_may_not_be_read_is_not_to_be_read_here_either(settings, run, tmp_path):
    rules, protections = tmp_path / "policy.yaml", tmp_path / "protections.conf"
    rules.write_text('restore_image: "role:member"\n')
    protections.write_text(
        "".join(
            f"[{pattern}]\n" + "".join(f"{action} = {roles}\n" for action in ("create", "read", "update", "delete"))
            for pattern, roles in (("^secret_", "admin"), (".*", "@"))
        )
    )
    settings["policy"] = {"file": str(rules), "property_protection_file": str(protections)}
    async with run(settings) as api:
        image = await api.admin.create_active(owner="p1", secret_a="1", open_a="2")
        await delete(api.admin, image)
        for person, known in ((api.person("p1"), {"open_a"}), (api.admin, {"open_a", "secret_a"})):
            (shown,) = (await listed(person))["images"]
            assert shown.keys() & {"open_a", "secret_a"} == known


async def test_the_command_line_lists_them(settings, run):
    settings["auth"] = {"mode": "none"}
    async with run(settings) as api:
        everybody = api.person()
        image_id = await delete(everybody, await everybody.create_active(name="gone"))

        async def said(*arguments):
            run_in_a_thread = asyncio.to_thread(
                CliRunner().invoke, app, ["image", "deleted", "--url", api.base, *arguments]
            )
            outcome = await run_in_a_thread
            assert outcome.exit_code == 0, outcome.output
            return outcome.stdout

        (shown,) = json.loads(await said("--json", "--name", "gone"))
        assert (shown["id"], shown["restorable"]) == (image_id, True)
        assert image_id in await said()
        assert json.loads(await said("--json", "--owner", "nobody")) == []
