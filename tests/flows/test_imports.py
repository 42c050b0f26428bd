"""Imports from the request to the bytes: the API over a socket, the importer beside it, both as they are built."""

import asyncio
import hashlib
import subprocess

import pytest
from aiohttp import web

from services.importer import jobs
from services.importer import main as importer_main
from tests.fixtures.disks import NOISE, a_disk
from tests.integration.services.api.conftest import _usual_settings, running
from tests.integration.services.importer.conftest import serving

DIRECT = {"name": "glance-direct"}
COPY = {"name": "copy-image"}


@pytest.fixture
def settings(dsn, tmp_path):
    settings = _usual_settings(dsn, tmp_path)
    settings["import"] |= {"scratch_dir": str(tmp_path / "scratch"), "retry_seconds": 0, "convert_cpu_seconds": 60}
    return settings


@pytest.fixture
async def api(settings):
    async with running(settings) as api:
        yield api


@pytest.fixture
def owner(api):
    return api.person("p1")


@pytest.fixture
async def work(api):
    """Let an importer do what is due; returns how many tasks that were."""
    async with importer_main.opened(api.ports.settings) as ports:

        async def work():
            tasks = await jobs.claim(ports, 10)
            await asyncio.gather(*(jobs.run(ports, task) for task in tasks))
            return len(tasks)

        yield work


@pytest.fixture
async def source():
    """A server on the loopback interface: its address, and what it gives."""
    content = {"/disk": NOISE}

    async def give(request):
        if request.path not in content:
            raise web.HTTPNotFound
        return web.Response(body=content[request.path])

    async with serving(give) as uri:
        yield uri, content


async def ask(person, image_id, method, **more):
    answer = await person.ask("POST", f"/v2/images/{image_id}/import", {"method": method, **more})
    assert answer.status == 202, answer.content


async def a_queued(owner, **members):
    return (await owner.create(**{"disk_format": "raw", "container_format": "bare"} | members))["id"]


async def a_staged(owner, content=NOISE, **members):
    image_id = await a_queued(owner, **members)
    assert (await owner.stage(image_id, content)).status == 204
    return image_id


async def last_task(owner, image_id):
    return (await owner.get(f"/v2/images/{image_id}/tasks")).json["tasks"][-1]


async def content_of(owner, image_id, store=None):
    answer = await owner.get(f"/v2/images/{image_id}/file" + (f"?prefer={store}" if store else ""))
    assert answer.status == 200
    return answer.content


def stored(folder):
    return [path for path in folder.rglob("*") if path.is_file() and path.name != ".glimpse-store"]


@pytest.mark.rule("IMG-224", "IMG-492", "IMG-206", "IMG-505", "IMG-502", "OP-14")
async def test_staged_bytes_become_an_image(api, owner, work):
    image_id = await a_staged(owner)
    await ask(owner, image_id, DIRECT)
    assert (await owner.show(image_id))["status"] == "importing"
    assert await work() == 1
    image = await owner.show(image_id)
    assert (image["status"], image["size"], image["virtual_size"]) == ("active", len(NOISE), len(NOISE))
    assert (image["stores"], image["os_hash_value"]) == ("fast", hashlib.sha512(NOISE).hexdigest())
    assert (image["os_glance_importing_to_stores"], image["os_glance_failed_import"]) == ("", "")
    assert "os_glance_import_task" not in image
    assert await content_of(owner, image_id) == NOISE
    assert (await last_task(owner, image_id))["result"] == {"image_id": image_id}
    assert await api.blobs(image_id) == [("os_glance_staging_store", "doomed"), ("fast", "stored")]
    told = await api.told(image_id)
    assert told == ["image.created", "image.stage.started", "image.staged", "image.import.requested", "image.activated"]


@pytest.mark.rule("IMG-225", "IMG-463", "IMG-493")
async def test_bytes_are_fetched_once_and_kept_in_every_store(owner, work, source):
    uri, _content = source
    image_id = await a_queued(owner)
    await ask(owner, image_id, {"name": "web-download", "uri": uri}, all_stores=True)
    assert await work() == 1
    image = await owner.show(image_id)
    assert (image["status"], image["stores"]) == ("active", "fast,cheap")
    for store in ("fast", "cheap"):
        assert await content_of(owner, image_id, store) == NOISE


@pytest.mark.rule("IMG-723", "OP-39", "IMG-721")
async def test_a_real_disk_changes_its_format_on_the_way(settings, tmp_path, source, tmp_path_factory):
    uri, content = source
    folder = tmp_path_factory.mktemp("disk")
    a_disk("qcow2", folder)  # skips where there is no qemu-img
    (folder / "raw").write_bytes(NOISE + bytes(2**22 - len(NOISE)))
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", folder / "raw", folder / "qcow2"]
    subprocess.run(convert, check=True)  # noqa: ASYNC221  # nothing else is to happen meanwhile
    content["/disk"] = (folder / "qcow2").read_bytes()
    settings["import"]["convert_to"] = "raw"
    async with running(settings) as api, importer_main.opened(api.ports.settings) as ports:
        owner = api.person()
        fetched, staged = (
            await a_queued(owner, disk_format="qcow2"),
            await a_staged(owner, content["/disk"], disk_format="qcow2"),
        )
        await ask(owner, fetched, {"name": "web-download", "uri": uri})
        await ask(owner, staged, DIRECT)
        for task in await jobs.claim(ports, 10):
            await jobs.run(ports, task)
        for image_id in (fetched, staged):
            image = await owner.show(image_id)
            assert (image["status"], image["disk_format"], image["size"]) == ("active", "raw", 2**22), image
            assert await content_of(owner, image_id) == (folder / "raw").read_bytes()
            assert image["os_glimpse_source_hash_value"] == hashlib.sha512(content["/disk"]).hexdigest()
            assert (image["os_glimpse_source_format"], image["os_glimpse_source_size"]) == (
                "qcow2",
                str(len(content["/disk"])),
            )
        forbidden = await owner.patch(fetched, {"op": "remove", "path": "/os_glimpse_source_format"})
        assert forbidden.status == 403


@pytest.mark.rule("IMG-721", "IMG-495", "IMG-226", "IMG-413", "OP-13", "OP-45")
async def test_staged_bytes_outlive_a_wrong_word_about_them(api, owner, work):
    image_id = await a_staged(owner, disk_format="qcow2")
    await ask(owner, image_id, DIRECT)
    assert await work() == 1
    image, task = await owner.show(image_id), await last_task(owner, image_id)
    assert (image["status"], image["size"], image["os_glance_failed_import"]) == ("queued", None, "fast")
    assert (task["status"], task["error"]["code"]) == ("failure", "format_mismatch")
    assert task["message"] == task["error"]["message"]
    assert "qcow2" in task["message"]
    change = {"op": "replace", "path": "/disk_format", "value": "raw"}
    assert (await owner.patch(image_id, change)).status == 200
    await ask(owner, image_id, DIRECT)  # and nothing is sent again
    assert await work() == 1
    assert (await owner.show(image_id))["os_glance_failed_import"] == ""
    assert await content_of(owner, image_id) == NOISE


@pytest.mark.rule("IMG-705", "IMG-497", "IMG-493", "IMG-464", "OP-25", "OP-40")
async def test_a_store_that_fails_is_tried_again_and_leaves_a_way_out(api, owner, work, tmp_path):
    image_id = await a_staged(owner)
    (tmp_path / "cheap" / ".part").rmdir()
    (tmp_path / "cheap" / ".part").write_text("")  # now nothing can be begun there
    await ask(owner, image_id, DIRECT, stores=["fast", "cheap"])
    tries = api.ports.settings.import_.attempts
    for attempt in range(1, tries + 1):
        assert await work() == 1
        wanted = "importing" if attempt < tries else "queued"
        assert (await owner.show(image_id))["status"] == wanted
    image = await owner.show(image_id)
    assert (image["size"], image["os_glance_failed_import"], "stores" in image) == (None, "cheap,fast", False)
    assert (await last_task(owner, image_id))["error"]["code"] == "store_failed"
    assert {state for store, state in await api.blobs(image_id) if store in ("fast", "cheap")} == {"doomed"}
    await ask(owner, image_id, DIRECT, stores=["fast", "cheap"], all_stores_must_succeed=False)
    assert await work() == 1
    image = await owner.show(image_id)
    assert (image["status"], image["stores"], image["os_glance_failed_import"]) == ("active", "fast", "cheap")
    (tmp_path / "cheap" / ".part").unlink()
    await ask(api.admin, image_id, COPY, stores=["cheap"])  # and what it lacks comes later
    assert await work() == 1
    image = await owner.show(image_id)
    assert (image["stores"], image["os_glance_failed_import"]) == ("fast,cheap", "")
    assert await content_of(owner, image_id, "cheap") == NOISE


@pytest.mark.rule("IMG-496", "IMG-495")
async def test_a_source_that_has_nothing_leaves_an_image_that_can_be_filled(owner, work, source, tmp_path):
    uri, content = source
    del content["/disk"]
    image_id = await a_queued(owner)
    await ask(owner, image_id, {"name": "web-download", "uri": uri}, stores=["cheap"])
    assert await work() == 1
    image, task = await owner.show(image_id), await last_task(owner, image_id)
    assert (image["status"], image["os_glance_failed_import"]) == ("queued", "cheap")
    assert (task["status"], task["error"]["code"]) == ("failure", "source_not_found")
    assert stored(tmp_path / "cheap") == stored(tmp_path / "staging") == []
    assert (await owner.upload(image_id, b"bytes")).status == 204


@pytest.mark.rule("IMG-728", "IMG-721")
@pytest.mark.parametrize("method", ["glance-direct", "web-download"])
async def test_other_bytes_than_expected_are_not_kept(api, owner, work, source, method):
    uri, _content = source
    asked = {"name": method, "uri": uri, "digest": f"sha256:{hashlib.sha256(b'other').hexdigest()}"}
    image_id = await (a_staged(owner) if method == "glance-direct" else a_queued(owner))
    await ask(owner, image_id, asked)
    assert await work() == 1
    task = await last_task(owner, image_id)
    assert (task["status"], task["error"]["code"]) == ("failure", "digest_mismatch")
    for content in (NOISE, b"other"):
        assert hashlib.sha256(content).hexdigest() in task["message"]
    assert (await owner.show(image_id))["status"] == "queued"
    assert {state for _store, state in await api.blobs(image_id)} == {"doomed"}
    again = await owner.ask("POST", f"/v2/images/{image_id}/import", {"method": DIRECT})
    assert again.status == 409  # nothing is staged any more


@pytest.mark.rule("IMG-227", "IMG-499", "IMG-493")
async def test_a_copy_that_fails_leaves_the_image_as_it_was(api, owner, work, tmp_path):
    image = await owner.create_active(NOISE)
    (tmp_path / "cheap" / ".part").rmdir()
    (tmp_path / "cheap" / ".part").write_text("")
    await ask(api.admin, image["id"], COPY, stores=["cheap"])
    for _attempt in range(api.ports.settings.import_.attempts):
        assert await work() == 1
        assert (await owner.show(image["id"]))["status"] == "active"
    after = await owner.show(image["id"])
    changed = {name for name in image if after[name] != image[name]}
    assert changed == {"updated_at"} or changed == set()
    assert after["os_glance_failed_import"] == "cheap"
    assert await content_of(owner, image["id"]) == NOISE


@pytest.mark.rule("IMG-373")
async def test_an_image_that_is_deleted_while_it_is_imported_stays_deleted(api, owner, work, tmp_path):
    asked, go = asyncio.Event(), asyncio.Event()

    async def half(request):
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        await response.write(bytes(500_000))
        asked.set()
        await go.wait()
        await response.write(bytes(500_000))
        return response

    async with serving(half) as uri:
        image_id = await a_queued(owner)
        await ask(owner, image_id, {"name": "web-download", "uri": uri})
        working = asyncio.create_task(work())
        await asyncio.wait_for(asked.wait(), 20)
        assert (await owner.ask("DELETE", f"/v2/images/{image_id}")).status == 204
        go.set()
        assert await working == 1
    assert (await api.row(image_id)).status == "deleted"
    doomed = await api.blobs(image_id)
    assert {state for _store, state in doomed} <= {"doomed"}
    assert len(stored(tmp_path / "fast")) <= len(doomed), "what was written by then is the scrubber's, by its row"
    async with api.ports.database.reading() as reader:
        task = await reader.fetchrow("SELECT status, error_code FROM tasks WHERE image_id = $1", image_id)
    assert tuple(task) == ("failure", "image_deleted")
    assert (await api.told(image_id))[-1] == "image.deleted"


@pytest.mark.rule("IMG-490", "OP-17", "OP-18")
async def test_a_worker_whose_task_was_taken_over_changes_nothing_any_more(api, owner, work):
    image = await owner.create_active(NOISE)
    await ask(api.admin, image["id"], COPY, stores=["cheap"])
    async with importer_main.opened(api.ports.settings) as ports:
        (late,) = await jobs.claim(ports, 1)
        await api.execute("UPDATE tasks SET updated_at = '2020-01-01' WHERE id = $1", late.id)
        await ask(api.admin, image["id"], COPY, stores=["cheap"])  # the lock of a task nobody hears of does not hold
        assert await work() == 1
        assert (await owner.show(image["id"]))["stores"] == "fast,cheap"
        before = await owner.show(image["id"])
        await jobs.run(ports, late)
    assert await owner.show(image["id"]) == before
    first, second = (await api.admin.get(f"/v2/images/{image['id']}/tasks")).json["tasks"]
    assert (first["id"], first["status"], first["message"]) == (late.id, "failure", "Expired lock preempted")
    assert second["status"] == "success"
