"""Limits of a project inside imports: what is over them ends the task, and the image is queued."""

from dataclasses import replace

import pytest
from aiohttp import web

from glimpse.settings import Limits

STAGED = {"name": "glance-direct"}


@pytest.fixture
async def uri(serve, noise):
    """A place to download from."""

    async def whole(request):
        return web.Response(body=noise)

    async with serve(whole) as uri:
        yield uri


@pytest.fixture
def limited(house):
    """Return the house with an importer that holds the project p1 to some limits."""

    def limit(**limits):
        configured = house.ports.settings.model_copy(
            update={"limits": Limits.model_validate({"enabled": True, "projects": {"p1": limits}})}
        )
        house.ports = replace(house.ports, settings=configured)
        return house

    return limit


async def refusals(house):
    async with house.database.reading() as reader:
        rows = await reader.fetch(
            "SELECT subject, data::jsonb FROM outbox WHERE type = 'io.glimpse.quota.exceeded.v1' ORDER BY seq"
        )
    return [(row["subject"], row["data"]["resource"]) for row in rows]


async def over(house, task_id, resource):
    task = await house.task(task_id)
    return (task["status"], task["error_code"], resource in task["message"]) == ("failure", "over_quota", True)


@pytest.mark.rule("IMG-501", "IMG-638")
async def test_staged_bytes_that_have_no_room_in_the_stores_are_not_imported(limited, noise):
    house = limited(image_size_total_mib=0)
    image_id = await house.importing()
    await house.stage(image_id, noise)
    task_id = await house.ask(image_id, STAGED, ["fast"])
    await house.work()
    assert await over(house, task_id, "image_size_total")
    image = await house.image(image_id)
    assert (image.status, image.size) == ("queued", None)
    assert "os_glance_import_task" not in image.service_properties
    assert (await house.blobs(image_id)).get("fast", ["doomed"]) == ["doomed"]
    assert await refusals(house) == [("p1", "image_size_total")]


@pytest.mark.rule("IMG-501", "IMG-639")
async def test_a_download_counts_as_staged(limited, uri):
    house = limited(image_stage_total_mib=0)
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": uri}, ["fast"])
    await house.work()
    assert await over(house, task_id, "image_stage_total")
    assert (await house.image(image_id)).status == "queued"


@pytest.mark.rule("IMG-501", "IMG-640")
async def test_imports_over_the_number_at_once_fail_and_the_first_ones_do_not(limited, uri):
    house = limited(image_count_uploading=2)
    ids = [await house.importing() for _ in range(4)]
    tasks = [await house.ask(image_id, {"name": "web-download", "uri": uri}, ["fast"]) for image_id in ids]
    await house.execute("UPDATE tasks SET run_at = now() + interval '1 hour' WHERE id = ANY($1)", tasks[:2])
    await house.work()
    assert [await over(house, task_id, "image_count_uploading") for task_id in tasks[2:]] == [True, True]
    await house.execute("UPDATE tasks SET run_at = now() WHERE id = ANY($1)", tasks[:2])
    await house.work()
    assert [(await house.image(image_id)).status for image_id in ids] == ["active", "active", "queued", "queued"]


@pytest.mark.rule("IMG-501", "IMG-640")
async def test_those_who_wait_behind_are_in_nobodys_way(limited, uri):
    house = limited(image_count_uploading=1)
    ids = [await house.importing() for _ in range(3)]
    for image_id in ids:
        await house.ask(image_id, {"name": "web-download", "uri": uri}, ["fast"])
    await house.work()  # one after the other, as they were asked for
    assert {(await house.image(image_id)).status for image_id in ids} == {"active"}


@pytest.mark.rule("IMG-501", "IMG-499")
@pytest.mark.parametrize(
    ("limits", "resource"),
    [
        ({"image_size_total_mib": 6}, "image_size_total"),
        ({"image_stage_total_mib": 0}, "image_stage_total"),
        ({"image_count_uploading": 0}, "image_count_uploading"),
    ],
)
async def test_a_copy_over_a_limit_leaves_the_image_as_it_was(limited, noise, limits, resource):
    house = limited()
    image_id = await house.importing()
    await house.stage(image_id, noise)
    await house.ask(image_id, STAGED, ["fast"])
    await house.work()
    before = await house.image(image_id)
    assert before.status == "active"
    house = limited(**limits)
    task_id = await house.ask(image_id, {"name": "copy-image"}, ["cheap"])
    await house.work()
    assert await over(house, task_id, resource)
    after = await house.image(image_id)
    assert (after.status, after.size, after.checksum, after.stores) == (
        "active",
        before.size,
        before.checksum,
        ["fast"],
    )
