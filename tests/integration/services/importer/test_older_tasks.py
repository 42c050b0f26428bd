"""Tasks of the older kind, made with POST /v2/tasks: a web-download in other words (IMG-726)."""

import uuid

import pytest
from aiohttp import web

from glimpse.database import images


@pytest.fixture
async def source(serve, noise):
    """A URI of noise."""

    async def answer(_request):
        return web.Response(body=noise)

    async with serve(answer) as uri:
        yield uri


@pytest.fixture
def asked(house):
    """Write a task down with its image, as the API does; returns both ids: `await asked(uri, declared)`."""

    async def written(uri, declared):
        image_id, task_id = await house.importing(disk_format=declared), str(uuid.uuid4())
        given = {"import_from": uri, "import_from_format": declared, "image_properties": {"name": "a"}}
        async with house.database.transaction() as tx:
            await tx.execute(
                "INSERT INTO tasks (id, type, image_id, owner, input) VALUES ($1, 'import', $2, 'p1', $3)",
                task_id,
                image_id,
                given,
            )
            image = await images.lock(tx, image_id)
            image.service_properties["os_glance_import_task"] = task_id
            image.service_properties["os_glance_importing_to_stores"] = "fast"
            await images.save(tx, image)
        return image_id, task_id

    return written


@pytest.mark.rule("IMG-726")
async def test_it_fills_its_image_and_says_which(house, asked, source, noise):
    image_id, task_id = await asked(source, "raw")
    assert await house.work() == 1
    task = await house.task(task_id)
    assert (task["status"], task["result"]) == ("success", {"image_id": image_id})
    assert task["input"]["import_from"] == source  # what was given stays what it was
    image = await house.image(image_id)
    assert (image.status, image.size, image.stores) == ("active", len(noise), ["fast"])
    assert image.service_properties == {"os_glance_importing_to_stores": "", "os_glance_failed_import": ""}
    assert await house.bytes_in(image_id, "fast") == noise


@pytest.mark.rule("IMG-726")
async def test_bytes_that_are_not_what_they_are_declared_as_fail_it(house, asked, source):
    image_id, task_id = await asked(source, "qcow2")
    await house.work()
    task = await house.task(task_id)
    assert (task["status"], task["error_code"], task["result"]) == ("failure", "format_mismatch", None)
    assert (await house.image(image_id)).status == "queued"


@pytest.mark.rule("IMG-726")
async def test_it_reaches_no_address_that_a_web_download_would_not(house, asked, source):
    image_id, task_id = await asked(source, "raw")
    assert await house.another(allowed_networks=()).work() == 1
    task = await house.task(task_id)
    assert (task["status"], task["error_code"]) == ("failure", "source_forbidden_address")
    assert (await house.image(image_id)).status == "queued"
