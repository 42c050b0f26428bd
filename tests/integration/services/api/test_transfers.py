"""Downloads as they go wrong: clients that do not read, or go; files that end too early, or go."""

import asyncio
import contextlib
import os
import random
import time
from pathlib import Path

import pytest

from glimpse.stores.filesystem import FilesystemStore
from services.api import transfers
from tests.fixtures.raw import connected
from tests.fixtures.waiting import until

LARGE = random.Random(11).randbytes(8_000_000)
SMALL_BUFFER = 64 * 1024


@pytest.fixture
async def api(run, settings):
    """An API behind small buffers: whoever does not read is soon waited for."""
    async with run(settings, send_buffer=SMALL_BUFFER) as api:
        yield api


class Remote(FilesystemStore):
    """A store whose files are not to be had as files."""

    def local_path(self, key):
        return None


def replace_store(api, kind):
    """Let another adapter have the directories of the store `fast`."""
    api.ports.catalog._stores["fast"] = kind("fast", api.ports.settings.stores["fast"])


@pytest.fixture(params=["sendfile", "read and write"])
async def image(request, api, owner):
    """A large image, in a store whose files the kernel can send, and in one where they are read."""
    if request.param == "read and write":
        replace_store(api, Remote)
    return await owner.create_active(LARGE)


@pytest.fixture
def path(image):
    return f"/v2/images/{image['id']}/file"


def stored_file(tmp_path):
    (file,) = [path for path in (tmp_path / "fast").rglob("*") if path.is_file() and path.name != ".glimpse-store"]
    return file


async def busy():
    """Return which part of half a second this process ran in, or wanted to (other processes may keep it waiting)."""

    def wanted():
        tasks = Path("/proc/self/task").iterdir()
        return sum(sum(map(int, (task / "schedstat").read_text().split()[:2])) for task in tasks) / 1e9

    before, began = wanted(), time.monotonic()
    await asyncio.sleep(0.5)
    return (wanted() - before) / (time.monotonic() - began)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.rule("IMG-419", "IMG-421", "IMG-436", "OP-62")
async def test_whatever_is_asked_for_comes_exactly(api, path):
    async with connected(api.base) as client:
        for first, last in ((0, len(LARGE) - 1), (0, 0), (1_000_000, 9_999_999), (len(LARGE) - 1, len(LARGE) - 1)):
            await client.ask("GET", path, {"Range": f"bytes={first}-{last}"})
            head, body = await client.answer()
            assert (head.status, body == LARGE[first : last + 1]) == (206, True)
        await client.ask("GET", "/v2/images")  # and the connection is as good as before
        assert (await client.answer())[0].status == 200


async def test_requests_that_follow_each_other_without_waiting_are_answered_in_their_order(api, owner, path):
    for number in range(5):
        await owner.create(name=f"filler {number}")
    async with connected(api.base, receive_buffer=SMALL_BUFFER) as client:
        for _ in range(3):
            await client.ask("GET", "/v2/images")
            await client.ask("GET", path, {"Range": "bytes=0-2999999"})
        for _ in range(3):
            assert (await client.answer())[0].headers["Content-Type"] == "application/json"
            head, body = await client.answer()
            assert (head.status, body == LARGE[:3_000_000]) == (206, True)


async def test_while_the_answers_before_are_unread_nothing_runs_in_circles(api, owner, image, path):
    long = await owner.create(filler="x" * 10_000)
    async with contextlib.AsyncExitStack() as stack:
        clients = []
        for answers in range(1, 50):  # after some of these the kernel takes no more, and a few bytes wait in the loop
            client = await stack.enter_async_context(connected(api.base, receive_buffer=SMALL_BUFFER))
            for _ in range(answers):
                await client.ask("GET", f"/v2/images/{long['id']}")
            await client.ask("GET", path, {"Range": "bytes=0-99999"})
            clients.append(client)
        await until(busy, lambda part: part < 0.25)
        for answers, client in enumerate(clients, 1):
            for _ in range(answers):
                assert (await client.answer())[0].status == 200
            assert (await client.answer())[1] == LARGE[:100_000]


async def stuck(api, path, stack):
    """Begin more downloads than there are threads, and read no more than their heads."""
    clients = [
        await stack.enter_async_context(connected(api.base, receive_buffer=SMALL_BUFFER))
        for _ in range(transfers.THREADS._max_workers + 10)
    ]
    for client in clients:
        await client.ask("GET", path)
        assert (await client.head()).status == 200
    return clients


async def test_clients_that_do_not_read_hold_no_thread_and_keep_nobody_waiting(api, owner, path):
    async with asyncio.timeout(60), contextlib.AsyncExitStack() as stack:
        readers = await stuck(api, path, stack)
        assert (await owner.get(path)).content == LARGE
        await until(busy, lambda part: part < 0.25)
        assert transfers.THREADS._work_queue.empty()
        assert await readers[0].body(len(LARGE)) == LARGE  # whoever reads in the end gets it all


@pytest.fixture
async def impatient(run, settings):
    """An API that waits for nobody."""
    settings["api"]["idle_seconds"] = 0.5
    async with run(settings, send_buffer=SMALL_BUFFER) as api:
        yield api


@pytest.mark.parametrize("kind", [FilesystemStore, Remote])
async def test_a_client_that_takes_nothing_is_left(impatient, kind):
    replace_store(impatient, kind)
    image = await impatient.person().create_active(LARGE)
    before = descriptors()
    async with connected(impatient.base, receive_buffer=SMALL_BUFFER) as client:
        await client.ask("GET", f"/v2/images/{image['id']}/file")
        await client.head()
        await until(lambda: asyncio.sleep(0, descriptors()), lambda now: now <= before + 1)  # our own end
        received = await client.rest()
    assert len(received) < len(LARGE)


async def test_a_client_that_takes_nothing_of_a_long_list_is_left(impatient):
    owner = impatient.person()
    for _ in range(20):
        await owner.create(filler="x" * 50_000)
    async with connected(impatient.base, receive_buffer=SMALL_BUFFER) as client:
        for _ in range(5):
            await client.ask("GET", "/v2/images")
        await client.head()
        await until(lambda: asyncio.sleep(0, connections()), lambda count: count < 2)  # the owner's is left
        assert len(await client.rest()) < 5 * 20 * 50_000


def connections():
    return len([task for task in asyncio.all_tasks() if "RequestHandler.start" in repr(task.get_coro())])


async def test_clients_that_dawdle_keep_nobody_waiting(api, owner, path):
    async def dawdle(client):
        while True:
            await client.body(1000)
            await asyncio.sleep(0.01)

    async with asyncio.timeout(60), contextlib.AsyncExitStack() as stack, asyncio.TaskGroup() as group:
        dawdling = [group.create_task(dawdle(reader)) for reader in await stuck(api, path, stack)]
        for _ in range(3):
            assert (await owner.get(path)).content == LARGE
        for task in dawdling:
            task.cancel()


@pytest.mark.parametrize("after", [0, 1_000_000])
async def test_clients_that_go_leave_nothing_behind(api, owner, path, after):
    await owner.get(path)
    before = descriptors()
    for number in range(50):
        async with connected(api.base, receive_buffer=SMALL_BUFFER) as client:
            await client.ask("GET", path)
            await client.head()
            await client.body(after)
            if number % 2:
                client.hang_up()
    await until(lambda: asyncio.sleep(0, descriptors()), lambda now: now <= before)
    assert (await owner.get(path)).status == 200


async def test_an_image_that_is_deleted_meanwhile_is_read_to_its_end(api, owner, tmp_path):
    image = await owner.create_active(LARGE)
    async with connected(api.base, receive_buffer=SMALL_BUFFER) as client:
        await client.ask("GET", f"/v2/images/{image['id']}/file")
        await client.head()
        assert (await owner.ask("DELETE", f"/v2/images/{image['id']}")).status == 204
        stored_file(tmp_path).unlink()  # as the scrubber does
        assert await client.body(len(LARGE)) == LARGE


async def test_a_file_that_ends_too_early_never_looks_whole(api, path, tmp_path):
    async with connected(api.base, receive_buffer=SMALL_BUFFER) as client:
        await client.ask("GET", path)
        assert (await client.head()).headers["Content-Length"] == str(len(LARGE))
        file = stored_file(tmp_path)
        file.chmod(0o600)
        os.truncate(file, len(LARGE) - 5_000_000)
        received = await client.rest()
    assert len(received) < len(LARGE)
    assert received == LARGE[: len(received)], "and no other answer's bytes follow"


async def test_a_download_whose_handler_is_cancelled_leaves_nothing_behind(api, path):
    before = descriptors()
    async with connected(api.base, receive_buffer=SMALL_BUFFER) as client:
        await client.ask("GET", path)
        await client.head()
        (handler,) = [task for task in asyncio.all_tasks() if "_handle_request" in repr(task.get_coro())]
        handler.cancel()
        received = await client.rest()
    assert received == LARGE[: len(received)]
    await until(lambda: asyncio.sleep(0, descriptors()), lambda now: now <= before)


async def test_a_file_that_went_a_moment_ago_is_an_error_and_no_empty_image(api, owner, tmp_path):
    image = await owner.create_active(b"bytes")

    class Vanishing(FilesystemStore):
        def local_path(self, key):
            path = super().local_path(key)
            path.unlink()
            return path

    replace_store(api, Vanishing)
    assert (await owner.get(f"/v2/images/{image['id']}/file")).status == 503


async def test_a_download_is_written_down_with_what_was_sent(settings, run, capsys):
    settings["api"]["access_log"] = True
    async with run(settings) as api:
        image = await api.person().create_active(LARGE)
        await api.person().get(f"/v2/images/{image['id']}/file")
        async with connected(api.base, receive_buffer=SMALL_BUFFER) as client:
            await client.ask("GET", f"/v2/images/{image['id']}/file", {"X-Openstack-Request-Id": "req-early"})
            await client.head()
            client.hang_up()
            said = ""
            async with asyncio.timeout(20):
                while "status=None" not in said:  # who went early is written down, too
                    await asyncio.sleep(0.01)
                    said += capsys.readouterr().out
    (broken,) = [line for line in said.splitlines() if "status=None" in line]
    assert "req-early" in broken
    (whole,) = [line for line in said.splitlines() if "/file" in line and "status=200" in line]
    assert int(whole.partition("bytes=")[2].split()[0]) >= len(LARGE)
