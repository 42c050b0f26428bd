"""Stores by name, and single copies in them, over a socket."""

import asyncio
import dataclasses
import shutil

import pytest

from glimpse.settings import DataDirectory, Store
from glimpse.stores.catalog import Catalog
from glimpse.stores.filesystem import FilesystemStore
from services.api import view


@pytest.fixture
def copied(api, owner):
    """Make an active image with copies in both stores, as a copy-image does; returns it."""

    async def made(**members):
        image = await owner.create_active(b"some bytes", **members)
        await api.execute(
            """
            INSERT INTO blobs (image_id, store, key, state, size)
            SELECT image_id, 'cheap', key, state, size FROM blobs WHERE image_id = $1
            """,
            image["id"],
        )
        async for stored in api.ports.catalog.get("fast").list_objects():
            await api.ports.catalog.get("cheap").write(stored.key, chunks())
        await api.execute("UPDATE images SET stores = '{fast,cheap}' WHERE id = $1", image["id"])
        return image

    return made


async def chunks():
    yield b"some bytes"


def path(image, store="fast"):
    return f"/v2/stores/{store}/{image['id'] if isinstance(image, dict) else image}"


# Delete from one store


async def test_a_copy_goes_and_the_other_one_is_read_from_then_on(api, owner, admin, copied):  # section 23
    image = await copied()
    before = await api.row(image["id"])
    answer = await admin.ask("DELETE", path(image))
    assert (answer.status, answer.content) == (204, b"")
    assert (await owner.show(image["id"]))["stores"] == "cheap"
    assert (await owner.get(f"/v2/images/{image['id']}/file")).content == b"some bytes"
    assert await api.blobs(image["id"]) == [("fast", "doomed"), ("cheap", "stored")]
    after = await api.row(image["id"])
    assert (after.version, after.status) == (before.version + 1, "active")
    assert after.updated_at > before.updated_at  # IMG-178


async def test_the_deletion_of_a_copy_is_told_with_what_was_there_before(api, admin, copied):
    image = await copied()
    await admin.ask("DELETE", path(image))
    async with api.ports.database.reading() as reader:
        kind, data = await reader.fetchrow("SELECT type, data FROM outbox ORDER BY seq DESC LIMIT 1")
    assert kind == "io.glimpse.image.updated.v1"
    assert b'"previous":{"stores":"fast,cheap"}' in data
    assert b'"stores":"cheap"' in data


async def test_whatever_the_store_says_to_it_the_copy_is_gone_at_once(api, admin, copied, tmp_path):
    image = await copied()
    shutil.rmtree(tmp_path / "fast")  # IMG-567, and as far away as a store can be: IMG-566, IMG-730
    assert (await admin.ask("DELETE", path(image))).status == 204
    assert (await admin.get(f"/v2/images/{image['id']}/file")).content == b"some bytes"


async def test_each_refusal_comes_before_the_next(api, owner, stranger, admin, copied, an_id):
    image = await copied(visibility="community")
    assert (await admin.ask("DELETE", path(an_id, "bogus"), b"{}")).status == 400  # IMG-558
    assert (await admin.ask("DELETE", path(an_id, "bogus"))).status == 409  # IMG-560
    assert (await admin.ask("DELETE", path(an_id, "os_glance_staging_store"))).status == 409  # IMG-560
    assert (await admin.ask("DELETE", path(an_id))).status == 404  # IMG-561
    assert (await owner.ask("DELETE", path(image))).status == 403  # IMG-562, IMG-128
    assert (await stranger.ask("DELETE", path(image))).status == 403  # IMG-562, IMG-129
    assert (await api.person("p1", roles="member").ask("DELETE", path(image))).status == 404  # AC-12
    private = await owner.create(visibility="private")
    assert (await stranger.ask("DELETE", path(private))).status == 404  # IMG-561
    assert (await owner.ask("DELETE", path(private))).status == 403  # IMG-562, before its status
    assert (await admin.ask("DELETE", path(private))).status == 409  # IMG-563
    alone = await owner.create_active()
    assert (await admin.ask("DELETE", path(alone))).status == 403  # IMG-564
    assert (await admin.ask("DELETE", path(alone, "cheap"))).status == 403  # IMG-564, before whether it is there


@pytest.mark.parametrize("status", ["queued", "saving", "uploading", "importing", "deactivated"])
async def test_only_active_images_lose_single_copies(api, admin, copied, status):  # IMG-250, IMG-563
    image = await copied()
    await api.execute("UPDATE images SET status = $1", status)
    assert (await admin.ask("DELETE", path(image))).status == 409


@pytest.mark.rule("IMG-565")
async def test_a_copy_that_is_not_there_is_not_found(api, run, settings, tmp_path):
    settings["stores"]["slow"] = {"paths": [{"path": str(tmp_path / "slow")}]}
    async with run(settings) as api:
        image = await api.person().create_active()
        await api.execute("UPDATE images SET stores = '{fast,cheap}'")
        assert (await api.admin.ask("DELETE", path(image, "slow"))).status == 404


@pytest.mark.rule("IMG-564")
async def test_of_two_who_delete_the_last_two_copies_one_is_refused(api, admin, copied):
    image = await copied()
    racing = [admin.ask("DELETE", path(image, store)) for store in ("fast", "cheap")]
    assert sorted(each.status for each in await asyncio.gather(*racing)) == [204, 403]
    assert len((await api.row(image["id"])).stores) == 1


async def test_where_stores_have_no_names_there_is_nothing_to_delete_or_to_show(run, settings):
    settings["api"] = settings["api"] | {"multi_store": False}
    async with run(settings) as api:
        image = await api.admin.create_active()
        assert (await api.admin.ask("DELETE", path(image, "bogus"))).status == 404  # IMG-559
        assert (await api.admin.get("/v2/info/stores")).status == 404  # IMG-569
        assert (await api.person().get("/v2/info/stores/detail")).status == 404  # IMG-570: before the roles
        assert (await api.person().get("/v2/info/usage")).status == 200  # IMG-61


# Several stores, and nobody may know of them


@pytest.mark.rule("IMG-8", "IMG-10", "IMG-204")
async def test_where_stores_have_no_names_no_answer_has_one(run, settings):
    settings["api"] = settings["api"] | {"multi_store": False}
    settings["stores"] = {"fast-only": settings["stores"]["fast"]}
    del settings["default_store"]  # there is one: nobody has to say which
    async with run(settings) as api:
        owner = api.person()
        image = await owner.create_active(b"bytes")
        await api.execute(
            "UPDATE images SET service_properties = service_properties || $2 WHERE id = $1",
            image["id"],
            {"os_glance_failed_import": "fast-only", "os_glance_importing_to_stores": "fast-only"},
        )
        assert (await api.row(image["id"])).stores == ["fast-only"]
        web = {"method": {"name": "web-download", "uri": "http://127.0.0.1/"}}
        other = (await owner.create(disk_format="raw", container_format="bare"))["id"]
        answers = [
            await owner.ask("POST", "/v2/images", {"name": "x"}),
            await owner.get(f"/v2/images/{image['id']}"),
            await owner.get("/v2/images"),
            await owner.patch(image["id"], {"op": "replace", "path": "/name", "value": "y"}),
            await owner.get(f"/v2/images/{image['id']}/file"),
            await owner.ask("POST", f"/v2/images/{other}/import", web),
            await owner.get(f"/v2/images/{other}/tasks"),
            await owner.get("/v2/info/import"),
            await owner.get("/v2/info/stores"),
            await api.admin.get("/v2/info/stores/detail"),
            await owner.get("/v2/schemas/image"),
            await owner.get("/versions"),
        ]
        assert [answer.status for answer in answers] == [201, 200, 200, 200, 200, 202, 200, 200, 404, 404, 200, 200]
        for answer in answers:
            assert b"fast-only" not in answer.content
            assert "fast-only" not in str(answer.headers)
        shown = await owner.show(image["id"])
        assert "stores" not in shown
        assert (shown["os_glance_failed_import"], shown["os_glance_importing_to_stores"]) == ("", "")


# Info


@pytest.mark.rule("IMG-568")
@pytest.mark.rule("IMG-138")
async def test_the_import_methods_are_shown_to_everybody(api):
    nobody = api.person("p9", roles="x")
    assert (await nobody.get("/v2/info/import")).json == {
        "import-methods": {
            "description": "Import methods available.",
            "type": "array",
            "value": ["glance-direct", "web-download", "copy-image"],
        }
    }


@pytest.mark.rule("IMG-568")
async def test_import_can_be_off(run, settings):
    settings["import"] = settings["import"] | {"methods": []}
    async with run(settings) as api:
        assert (await api.person().get("/v2/info/import")).json["import-methods"]["value"] == []


@pytest.fixture
def described(settings, tmp_path):
    """Settings with a third store that says something of itself."""
    settings["stores"]["slow"] = {"paths": [{"path": str(tmp_path / "slow")}], "description": "tapes", "weight": 5}
    return settings


@pytest.mark.rule("IMG-569")
@pytest.mark.rule("IMG-138")
async def test_stores_are_shown_in_their_order_with_what_is_true_of_them(run, described):
    async with run(described) as api:
        answer = await api.person("p9", roles="x").get("/v2/info/stores")
    assert answer.json == {
        "stores": [{"id": "fast", "default": "true"}, {"id": "cheap"}, {"id": "slow", "description": "tapes"}]
    }


class ReadOnly(FilesystemStore):
    """A store that only gives, as web servers do."""

    read_only = True


@pytest.mark.rule("IMG-569")
async def test_a_store_that_only_gives_is_shown_as_read_only(api, tmp_path):
    web = ReadOnly("web", Store(paths=(DataDirectory(path=tmp_path, priority=0),)))
    catalog = Catalog({"fast": api.ports.catalog.get("fast"), "web": web}, api.ports.catalog.staging, "fast")
    shown = view.stores(dataclasses.replace(api.ports, catalog=catalog))
    assert shown == [{"id": "fast", "default": "true"}, {"id": "web", "read-only": "true"}]


@pytest.mark.rule("IMG-570")
@pytest.mark.rule("IMG-571")
async def test_what_stores_are_is_shown_to_administrators_and_services(run, described, tmp_path):
    async with run(described) as api:
        for roles in ("admin", "service", "Service,reader"):
            answer = await api.person("p9", roles=roles).get("/v2/info/stores/detail")
            assert answer.status == 200  # IMG-136
        for roles in ("member,reader", "x"):
            assert (await api.person("p9", roles=roles).get("/v2/info/stores/detail")).status == 403
    chunk = api.ports.catalog.get("fast").properties()["chunk_size"]
    common = {"type": "file", "weight": 0}
    folders = {
        name: {"data_dir": str(tmp_path / name), "chunk_size": chunk, "thin_provisioning": False}
        for name in ("fast", "cheap", "slow")
    }
    assert answer.json["stores"] == [
        {"id": "fast", "default": "true", "properties": folders["fast"]} | common,
        {"id": "cheap", "properties": folders["cheap"]} | common,
        {"id": "slow", "description": "tapes", "properties": folders["slow"], "type": "file", "weight": 5},
    ]


@pytest.mark.rule("IMG-577")
async def test_without_limits_there_is_no_usage_to_show(api):
    assert (await api.person("p9", roles="x").get("/v2/info/usage")).json == {"usage": {}}


async def test_nothing_else_is_to_be_known(owner):
    assert (await owner.get("/v2/info")).status == 404  # IMG-578
    for what in ("import", "stores", "stores/detail"):
        for method in ("POST", "PUT", "DELETE", "HEAD"):
            answer = await owner.ask(method, f"/v2/info/{what}")
            assert (answer.status, answer.headers["Allow"]) == (405, "GET")  # IMG-578, IMG-675
        assert (await owner.get(f"/v2/info/{what}", body=b"x")).status == 400  # IMG-84
        assert (await owner.get(f"/v2/info/{what}/")).status == 404  # IMG-77
    assert (await owner.ask("POST", "/v2/info/usage")).status == 404  # IMG-676, IMG-79
    assert (await owner.get("/v2/info/usage", body=b"x")).status == 400  # IMG-85
