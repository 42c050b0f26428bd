"""Limits of a project over a socket: how many images, how many at once, and how many bytes, stored and staged."""

import asyncio
import contextlib
import random
import uuid

import pytest

MIB = 2**20
IMPORT = {"method": {"name": "glance-direct"}}


@pytest.fixture
def settings(settings):
    return {**settings, "limits": {"enabled": True, "projects": {"p1": {}}}}


@pytest.fixture
def limited(settings, run):
    """Run an API that holds the project p1 to some limits."""

    @contextlib.asynccontextmanager
    async def limit(**limits):
        settings["limits"]["projects"]["p1"] = limits
        async with run(settings) as api:
            yield api, api.person("p1")

    return limit


async def a_queued(owner):
    return (await owner.create(disk_format="raw", container_format="bare"))["id"]


async def uploading(owner, image_id, gate):
    """Send a body that comes to its end when a gate opens."""

    async def pieces():
        yield b"some"
        await gate.wait()

    return await owner.upload(image_id, pieces())


async def reached(owner, image_id, status):
    async with asyncio.timeout(20):
        while (await owner.show(image_id))["status"] != status:
            await asyncio.sleep(0.01)


async def usage(person):
    return (await person.get("/v2/info/usage")).json["usage"]


async def refusals(api):
    """Return whom and what the told refusals were about."""
    async with api.ports.database.reading() as reader:
        rows = await reader.fetch(
            "SELECT subject, data::jsonb FROM outbox WHERE type = 'io.glimpse.quota.exceeded.v1' ORDER BY seq"
        )
    return [(row["subject"], row["data"]["resource"], row["data"]["limit"]) for row in rows]


@pytest.mark.rule("IMG-637", "IMG-641", "IMG-269", "IMG-741")
async def test_a_project_has_so_many_images_and_deleted_ones_are_none(limited):
    async with limited(image_count_total=2) as (api, owner):
        first = await a_queued(owner)
        await owner.create_active()
        refused = await owner.ask("POST", "/v2/images", {})
        assert (refused.status, b"image_count_total" in refused.content) == (413, True)
        assert len((await owner.get("/v2/images")).json["images"]) == 2
        assert await refusals(api) == [("p1", "image_count_total", 2)]
        await api.person("p2").create()
        await api.admin.create(owner=None)  # nobody's images are in nobody's way
        assert (await api.admin.ask("POST", "/v2/images", {"owner": "p1"})).status == 413
        assert (await owner.ask("DELETE", f"/v2/images/{first}")).status == 204
        await owner.create()


@pytest.mark.rule("IMG-637")
async def test_images_made_at_once_are_never_too_many(limited):
    async with limited(image_count_total=5) as (_api, owner):
        answers = await asyncio.gather(*(owner.ask("POST", "/v2/images", {}) for _ in range(20)))
        assert sorted(answer.status for answer in answers) == [201] * 5 + [413] * 15


# IMG-255, AC-17
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"disk_format": "bogus"}, 400),
        ({"owner": "p2"}, 403),
        ({"visibility": "public"}, 403),
        ({"status": "active"}, 413),  # read-only fields come after the number of images
        ({"tags": ["a"] * 129}, 413),
    ],
)
async def test_the_number_of_images_has_its_place_in_the_order_of_checks(limited, body, status):
    async with limited(image_count_total=0) as (_api, owner):
        assert (await owner.ask("POST", "/v2/images", body)).status == status


@pytest.mark.rule("IMG-638", "IMG-406", "IMG-19")
async def test_a_projects_bytes_have_a_limit_instead_of_the_storage_quota(settings, limited):
    settings["images"] = {"user_storage_quota": "5B"}
    async with limited(image_size_total_mib=1) as (api, owner):
        await owner.create_active(bytes(MIB - 1000))
        image_id = await a_queued(owner)
        refused = await owner.upload(image_id, bytes(1001))
        assert (refused.status, b"image_size_total" in refused.content) == (413, True)
        assert (await owner.show(image_id))["status"] == "queued"
        assert await refusals(api) == [("p1", "image_size_total", MIB)]
        assert (await owner.upload(image_id, bytes(1000))).status == 204
        await api.person("p2").create_active(bytes(2 * MIB))


@pytest.mark.rule("AC-17")
@pytest.mark.parametrize(("what", "setting"), [("file", "image_size_total_mib"), ("stage", "image_stage_total_mib")])
async def test_room_is_asked_before_the_image(limited, what, setting):
    async with limited(**{setting: 1}) as (api, owner):
        path, headers = f"/v2/images/{uuid.uuid4()}/{what}", {"Content-Type": "application/octet-stream"}
        assert (await owner.ask("PUT", path, bytes(MIB + 1), headers=headers)).status == 413
        assert (await owner.ask("PUT", path, bytes(MIB), headers=headers)).status == 404
        assert (await api.admin.ask("PUT", path, bytes(MIB + 1), headers=headers)).status == 404


@pytest.mark.rule("IMG-639", "IMG-740")
@pytest.mark.parametrize("announced", [True, False])
async def test_staged_bytes_have_a_limit_until_they_are_imported(limited, announced):
    async def pieces(size):
        for begin in range(0, size, 50_000):
            yield bytes(min(50_000, size - begin))

    async with limited(image_stage_total_mib=1) as (api, owner):
        first, second = await a_queued(owner), await a_queued(owner)
        assert (await owner.stage(first, bytes(MIB - 1000))).status == 204
        for size, status in ((1001, 413), (1000, 204)):
            answer = await owner.stage(second, bytes(size) if announced else pieces(size))
            assert answer.status == status
            assert (await owner.show(second))["status"] == ("queued" if status == 413 else "uploading")
        assert await refusals(api) == [("p1", "image_stage_total", MIB)]
        assert (await usage(owner))["image_stage_total"] == {"usage": 1, "limit": 1}
        assert (await owner.ask("POST", f"/v2/images/{first}/import", IMPORT)).status == 202
        assert (await owner.stage(await a_queued(owner), b"x")).status == 413  # what is being imported counts
        assert (await owner.ask("DELETE", f"/v2/images/{first}")).status == 204
        assert (await owner.stage(await a_queued(owner), b"x")).status == 204


@pytest.mark.rule("IMG-639", "IMG-740")
async def test_a_hundred_at_once_never_stage_one_byte_too_many_and_all_that_fit_get_in(limited):
    async def pieces(size):
        for begin in range(0, size, 20_000):
            yield bytes(min(20_000, size - begin))
            await asyncio.sleep(0)

    async def staged(owner, sizes):
        ids = [await a_queued(owner) for _ in sizes]
        answers = await asyncio.gather(
            *(owner.stage(image_id, pieces(size)) for image_id, size in zip(ids, sizes, strict=True))
        )
        return [size if answer.status == 204 else 0 for answer, size in zip(answers, sizes, strict=True)]

    dice = random.Random(7)
    many, fitting = [dice.randrange(1, 40_000) for _ in range(100)], [MIB // 32] * 32
    assert sum(many) > MIB
    async with limited(image_stage_total_mib=1) as (api, owner):
        got_in = await staged(owner, many)
        async with api.ports.database.reading() as reader:
            kept = await reader.fetchval("SELECT sum(size) FROM blobs WHERE state = 'stored'")
        assert MIB / 2 < sum(got_in) == kept <= MIB
        await api.execute("UPDATE images SET owner = 'p2'")
        assert await staged(owner, fitting) == fitting


@pytest.mark.rule("IMG-640", "IMG-406")
@pytest.mark.parametrize("what", ["upload", "stage"])
async def test_so_many_images_are_filled_at_once(limited, what):
    async with limited(image_count_uploading=2) as (api, owner):
        gate = asyncio.Event()
        ids = [await a_queued(owner) for _ in range(3)]
        assert (await owner.stage(ids[0], b"waits for its import")).status == 204
        sending = asyncio.create_task(uploading(owner, ids[1], gate))
        await reached(owner, ids[1], "saving")
        assert (await usage(owner))["image_count_uploading"] == {"usage": 2, "limit": 2}
        assert (await getattr(owner, what)(ids[2], b"x")).status == 413
        assert (await owner.show(ids[2]))["status"] == "queued"
        assert await refusals(api) == [("p1", "image_count_uploading", 2)]
        assert (await owner.upload(str(uuid.uuid4()), b"x")).status == 404  # asked last
        gate.set()
        assert (await sending).status == 204
        assert (await getattr(owner, what)(ids[2], b"x")).status == 204


@pytest.mark.rule("IMG-486", "IMG-638")
async def test_an_import_that_can_not_fit_is_refused_at_once(limited):
    async with limited(image_size_total_mib=2) as (api, owner):
        image_id = await a_queued(owner)
        assert (await owner.stage(image_id, bytes(MIB + 1))).status == 204
        both = IMPORT | {"stores": ["fast", "cheap"]}
        assert (await owner.ask("POST", f"/v2/images/{image_id}/import", both)).status == 413
        assert (await owner.show(image_id))["status"] == "uploading"
        assert (await owner.ask("POST", f"/v2/images/{image_id}/import", IMPORT)).status == 202
        whole = await owner.create_active(bytes(MIB + 1))
        copied = {"method": {"name": "copy-image"}, "stores": ["cheap"]}
        assert (await api.admin.ask("POST", f"/v2/images/{whole['id']}/import", copied)).status == 413  # IMG-499
        assert await refusals(api) == [("p1", "image_size_total", 2 * MIB)] * 2


@pytest.mark.rule("IMG-577")
async def test_usage_is_shown_beside_the_limits(settings, limited):
    settings["limits"]["image_count_total"] = 7
    async with limited(image_size_total_mib=20, image_count_uploading=3) as (api, owner):
        await owner.create_active(bytes(2 * MIB + 5))
        copied = await owner.create_active(bytes(3 * MIB))
        wished = {"method": {"name": "copy-image"}, "stores": ["cheap"]}
        assert (await api.admin.ask("POST", f"/v2/images/{copied['id']}/import", wished)).status == 202
        assert await usage(owner) == {
            "image_size_total": {"usage": 5, "limit": 20},
            "image_stage_total": {"usage": 3, "limit": -1},  # what is being copied, too (IMG-639)
            "image_count_total": {"usage": 2, "limit": 7},
            "image_count_uploading": {"usage": 1, "limit": 3},
        }
        assert (await usage(api.person("p2")))["image_count_total"] == {"usage": 0, "limit": 7}
        assert await usage(api.person(None)) == {}


@pytest.mark.rule("IMG-577")
async def test_without_limits_there_is_no_usage(settings, run):
    settings["limits"]["enabled"] = False
    settings["images"] = {"user_storage_quota": "5GB"}
    async with run(settings) as api:
        assert await usage(api.person("p1")) == {}


@pytest.mark.rule("IMG-467")
async def test_an_import_over_the_limit_is_refused_before_anybody_looks_for_the_image(settings, run):
    async with run(settings) as api:
        await api.person().create_active(bytes(MIB + 1))
    settings["limits"]["projects"]["p1"] = {"image_size_total_mib": 1}  # lowered meanwhile
    wish = {"method": {"name": "web-download", "uri": "http://example.test/"}}
    async with run(settings) as api:
        path = f"/v2/images/{uuid.uuid4()}/import"
        assert (await api.person().ask("POST", path, wish)).status == 413
        assert (await api.person().ask("POST", path, {"method": {"name": "bogus"}})).status == 400
        assert (await api.admin.ask("POST", path, wish)).status == 404
