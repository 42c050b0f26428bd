"""Locations that were added through the API become an image's bytes (section 22 of the contract, OP-48)."""

import asyncio
import hashlib
import struct
from typing import Any

import pytest
from aiohttp import web

from services.importer import jobs, pipeline
from services.importer.work import Progress
from tests.fixtures.waiting import until


@pytest.fixture
def content(noise: bytes) -> bytes:
    return noise


def digests(content: bytes, algorithm: str = "sha512") -> tuple[str, str, str]:
    return hashlib.md5(content).hexdigest(), algorithm, hashlib.new(algorithm, content).hexdigest()


def known(image: Any) -> tuple[Any, Any, Any]:
    return image.checksum, image.os_hash_algo, image.os_hash_value


def vouched(content: bytes, algorithm: str = "sha512") -> dict[str, str]:
    return {"os_hash_algo": algorithm, "os_hash_value": digests(content, algorithm)[2]}


class Server:
    """Gives its content; while it is told to hang, only the first half of it."""

    def __init__(self, content: bytes) -> None:
        self.content, self.hangs, self.status = content, False, 200
        self.asked, self.done = asyncio.Event(), asyncio.Event()

    async def give(self, request: web.Request) -> web.StreamResponse:
        if self.status != 200 and request.method == "GET":
            return web.Response(status=self.status)
        if not self.hangs or request.method == "HEAD":
            return web.Response(body=self.content)
        response = web.StreamResponse(headers={"Content-Length": str(len(self.content))})
        await response.prepare(request)
        await response.write(self.content[: len(self.content) // 2])
        self.asked.set()
        await self.done.wait()
        return response


# What comes of it, by whether bytes are hashed and whether somebody vouched for them (IMG-545, IMG-25).
OUTCOMES = [
    ("IMG-545", True, True, ["image.updated", "image.activated"], True),
    ("IMG-545", True, False, ["image.activated", "image.updated"], True),
    ("IMG-545", False, True, ["image.activated"], False),
    ("IMG-545", False, False, ["image.activated"], False),
]


@pytest.mark.rule("IMG-25", "OP-48")
@pytest.mark.parametrize(("rule", "hashes", "is_vouched_for", "facts", "is_hashed"), OUTCOMES)
async def test_a_location_makes_the_image_active(
    house: Any,
    serve: Any,
    content: bytes,
    rule: str,
    hashes: bool,
    is_vouched_for: bool,
    facts: list[str],
    is_hashed: bool,
) -> None:
    house = house.with_images(do_secure_hash=hashes)
    image_id = await house.importing(status="queued")
    async with serve(Server(content).give) as url:
        task_id = await house.locate(image_id, url, vouched(content) if is_vouched_for else None)
        assert await house.work() == 1
        image = await house.image(image_id)
        assert (image.status, image.size, image.stores, image.service_properties) == (
            "active",
            len(content),
            ["web"],
            {},
        )
        if is_hashed:
            assert known(image) == digests(content), rule
        else:
            assert known(image) == ((None, *digests(content)[1:]) if is_vouched_for else (None, None, None)), rule
        assert await house.bytes_in(image_id, "web") == content
    assert await house.told(image_id) == facts
    assert (await house.task(task_id))["status"] == "success"


@pytest.mark.rule("IMG-545")
@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
async def test_bytes_are_hashed_with_the_algorithm_that_they_are_vouched_for_with(
    house: Any, serve: Any, content: bytes, algorithm: str
) -> None:
    image_id = await house.importing(status="queued")
    async with serve(Server(content).give) as url:
        await house.locate(image_id, url, vouched(content, algorithm))
        await house.work()
    assert known(await house.image(image_id)) == digests(content, algorithm)


@pytest.mark.rule("IMG-546", "IMG-710", "OP-49", "OP-153")
async def test_bytes_other_than_those_vouched_for_leave_nothing_behind(house: Any, serve: Any, content: bytes) -> None:
    image_id = await house.importing(status="queued")
    async with serve(Server(content).give) as url:
        task_id = await house.locate(image_id, url, vouched(b"others"))
        await house.work()
        image = await house.image(image_id)
        assert (image.status, image.size, image.stores, known(image)) == ("queued", None, [], (None, None, None))
        assert await house.blobs(image_id) == {}
        task = await house.task(task_id)
        assert (task["status"], task["error_code"]) == ("failure", "digest_mismatch")
        assert url not in task["message"]
        assert (await house.told(image_id))[-1] == "image.import.failed"
        await house.locate(image_id, url, vouched(content))  # it can be tried again
        await house.work()
    assert (await house.image(image_id)).status == "active"


REFUSED = [
    ("IMG-546", "file:///etc/passwd"),
    ("IMG-546", "rbd://a/b/c/d"),
    ("IMG-546", "http://***@127.0.0.1/disk"),
    ("IMG-546", "http://10.0.0.1/private"),
    ("IMG-546", "http://a.example/" + "x" * 2000),
]


@pytest.mark.parametrize(("rule", "url"), REFUSED)
async def test_what_no_store_takes_fails_the_task(house: Any, rule: str, url: str) -> None:
    image_id = await house.importing(status="queued")
    task_id = await house.locate(image_id, url)
    await house.work()
    task, image = await house.task(task_id), await house.image(image_id)
    assert (task["status"], task["error_code"], image.status) == ("failure", "location_refused", "queued"), rule
    assert "os_glance_import_task" not in image.service_properties


@pytest.mark.rule("IMG-546")
async def test_an_image_without_formats_fails_the_task(house: Any, serve: Any, content: bytes) -> None:
    image_id = await house.importing(status="queued", disk_format=None)
    async with serve(Server(content).give) as url:
        task_id = await house.locate(image_id, url)
        await house.work()
    assert (await house.task(task_id))["status"] == "failure"
    assert (await house.image(image_id)).status == "queued"


async def test_a_location_without_bytes_fails_the_task(house: Any, serve: Any) -> None:
    image_id = await house.importing(status="queued")
    async with serve(Server(b"").give) as url:
        task_id = await house.locate(image_id, url)
        await house.work()
    assert (await house.task(task_id))["error_code"] == "source_not_found"


async def test_a_location_with_more_bytes_than_an_image_may_have_fails_the_task(house: Any, serve: Any) -> None:
    house = house.with_images(size_cap_bytes=1000)
    image_id = await house.importing(status="queued")
    async with serve(Server(bytes(1001)).give) as url:
        task_id = await house.locate(image_id, url)
        await house.work()
    assert (await house.task(task_id))["error_code"] == "too_large"
    assert (await house.image(image_id)).status == "queued"


async def test_other_bytes_than_those_that_were_there_are_not_copied(house: Any, serve: Any, content: bytes) -> None:
    house, server = house.with_images(do_secure_hash=False), Server(content)
    image_id = await house.importing(status="queued")
    async with serve(server.give) as url:
        await house.locate(image_id, url)
        await house.work()
        server.content = content + b"more"
        task_id = await house.ask(image_id, {"name": "copy-image"}, ["cheap"])
        await house.work()
    assert (await house.task(task_id))["error_code"] == "corrupt_source"
    assert (await house.image(image_id)).stores == ["web"]


async def test_what_no_import_would_take_is_not_copied_from_a_location(house: Any, serve: Any) -> None:
    image_id = await house.importing(status="queued", disk_format="qcow2")
    unsafe = struct.pack(">4sIQI", b"QFI\xfb", 3, 104, 8).ljust(65536, b"\0")  # it names a backing file
    async with serve(Server(unsafe).give) as url:
        await house.locate(image_id, url)
        await house.work()
        assert (await house.image(image_id)).status == "active"
        task_id = await house.ask(image_id, {"name": "copy-image"}, ["cheap"])
        await house.work()
    task = await house.task(task_id)
    assert (task["status"], task["error_code"]) == ("failure", "format_unsafe"), task
    assert (await house.image(image_id)).stores == ["web"]


async def test_a_signed_image_is_not_copied_from_a_location_unless_its_signature_holds(
    house: Any, serve: Any, content: bytes
) -> None:
    image_id = await house.importing(status="queued")
    signed = {
        "img_signature": "bm90IG9uZQ==",
        "img_signature_hash_method": "SHA-256",
        "img_signature_key_type": "RSA-PSS",
        "img_signature_certificate_uuid": "5ad1a8ac-ae5b-4bbd-a5b5-4bd2ae1ee53a",
    }
    await house.execute("UPDATE images SET properties = $2 WHERE id = $1", image_id, signed)
    async with serve(Server(content).give) as url:
        await house.locate(image_id, url)
        await house.work()
        task_id = await house.ask(image_id, {"name": "copy-image"}, ["cheap"])
        await house.work()
    assert (await house.task(task_id))["error_code"] == "signature_invalid"
    assert (await house.image(image_id)).stores == ["web"]


@pytest.mark.rule("OP-48")
async def test_a_location_that_can_not_be_read_stays_active_without_digests(
    house: Any, serve: Any, content: bytes
) -> None:
    server = Server(content)
    server.status = 500
    house = house.another(attempts=2)
    image_id = await house.importing(status="queued")
    async with serve(server.give) as url:
        task_id = await house.locate(image_id, url)
        await house.work()
        assert (await house.task(task_id))["status"] == "processing"  # it is read once more
        await house.work()
    task, image = await house.task(task_id), await house.image(image_id)
    assert (task["status"], image.status, known(image)) == ("success", "active", (None, None, None))
    assert "not hashed" in task["message"]
    assert image.service_properties == {}


@pytest.mark.rule("OP-48")
async def test_one_that_is_vouched_for_and_can_not_be_read_is_none(house: Any, serve: Any, content: bytes) -> None:
    server = Server(content)
    server.status = 500
    house = house.another(attempts=1)
    image_id = await house.importing(status="queued")
    async with serve(server.give) as url:
        task_id = await house.locate(image_id, url, vouched(content))
        await house.work()
    assert (await house.task(task_id))["status"] == "failure"
    assert (await house.image(image_id)).status == "queued"


@pytest.mark.parametrize("is_vouched_for", [True, False])
async def test_when_a_worker_dies_while_it_reads_another_one_ends_the_work(
    house: Any, serve: Any, content: bytes, is_vouched_for: bool
) -> None:
    server = Server(content)
    server.hangs = True
    image_id = await house.importing(status="queued")
    async with serve(server.give) as url:
        task_id = await house.locate(image_id, url, vouched(content) if is_vouched_for else None)
        (task,) = await jobs.claim(house.ports, 1)
        dying = asyncio.create_task(pipeline.run(house.ports, task, Progress()))
        await asyncio.wait_for(server.asked.wait(), 20)
        assert (await house.image(image_id)).status == ("importing" if is_vouched_for else "active")
        dying.cancel()  # nobody writes anything down, as after a kill
        await asyncio.gather(dying, return_exceptions=True)
        server.hangs = False
        server.done.set()
        assert await house.another().work() == 0  # its lease has not ended
        await house.execute("UPDATE tasks SET lease_until = clock_timestamp() - interval '1 second'")
        assert await house.another().work() == 1
    image = await house.image(image_id)
    assert (image.status, known(image), image.service_properties) == ("active", digests(content), {})
    assert await house.blobs(image_id) == {"web": ["stored"]}
    assert (await house.task(task_id))["status"] == "success"


@pytest.mark.rule("IMG-373")
async def test_the_deletion_of_an_image_ends_its_hashing(house: Any, serve: Any, content: bytes) -> None:
    server = Server(content)
    server.hangs = True
    house = house.another(heartbeat_seconds=0.05)
    image_id = await house.importing(status="queued")
    async with serve(server.give) as url:
        task_id = await house.locate(image_id, url, vouched(content))
        working = asyncio.create_task(house.work())
        await asyncio.wait_for(server.asked.wait(), 20)
        await house.execute(
            "UPDATE images SET status = 'deleted', deleted_at = clock_timestamp() WHERE id = $1", image_id
        )
        await asyncio.wait_for(working, 20)
        server.done.set()
    assert (await house.task(task_id))["error_code"] == "image_deleted"
    assert await house.blobs(image_id) == {}


async def test_an_image_that_got_its_bytes_in_another_way_keeps_them(house: Any, serve: Any, content: bytes) -> None:
    image_id = await house.importing(status="queued")
    async with serve(Server(content).give) as url:
        task_id = await house.locate(image_id, url)
        await house.execute("UPDATE images SET status = 'active', size = 3 WHERE id = $1", image_id)
        await house.work()
    image = await house.image(image_id)
    assert (image.status, image.size, image.stores, image.checksum) == ("active", 3, [], None)
    assert (await house.task(task_id))["status"] == "failure"


@pytest.mark.rule("IMG-629", "IMG-722")
async def test_a_location_for_which_the_project_has_no_room_is_none(house: Any, serve: Any, content: bytes) -> None:
    house = house.with_images(user_storage_quota="1MB")
    image_id = await house.importing(status="queued")
    async with serve(Server(content).give) as url:
        task_id = await house.locate(image_id, url)
        await house.work()
    assert (await house.task(task_id))["error_code"] == "over_quota"
    assert (await house.image(image_id)).status == "queued"


@pytest.mark.rule("IMG-499")
async def test_copies_are_made_from_a_location(house: Any, serve: Any, content: bytes) -> None:
    image_id = await house.importing(status="queued")
    async with serve(Server(content).give) as url:
        await house.locate(image_id, url, vouched(content))
        await house.work()
        await house.ask(image_id, {"name": "copy-image"}, ["cheap"])
        await house.work()
    assert (await house.image(image_id)).stores == ["web", "cheap"]
    assert await house.bytes_in(image_id, "cheap") == content


async def test_progress_is_shown_while_bytes_are_hashed(house: Any, serve: Any, content: bytes) -> None:
    server = Server(content)
    server.hangs = True
    house = house.another(heartbeat_seconds=0.05)
    image_id = await house.importing(status="queued")
    async with serve(server.give) as url:
        task_id = await house.locate(image_id, url)
        working = asyncio.create_task(house.work())

        async def progress() -> Any:
            return (await house.task(task_id))["progress"]

        shown = await until(progress, lambda seen: bool(seen) and "hashing" in str(seen))
        assert str(len(content)) in str(shown)
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        server.done.set()
    assert (await house.task(task_id))["lease_owner"] is None
