"""Uploads as they go wrong: clients that hang up, lie, wait, dawdle, and handlers that are taken away."""

import asyncio
import contextlib
import hashlib

import pytest

from glimpse.formats import inspect
from tests.fixtures.raw import OWNER, connected
from tests.fixtures.waiting import until

OCTETS = {"Content-Type": "application/octet-stream"}
CHUNKED = {**OCTETS, "Transfer-Encoding": "chunked"}


def with_length(length):
    return {**OCTETS, "Content-Length": str(length)}


def chunk(content):
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


@pytest.fixture
async def image_id(owner):
    return (await owner.create(disk_format="raw", container_format="bare"))["id"]


@pytest.fixture(params=["file", "stage"])
def path(request, image_id):
    return f"/v2/images/{image_id}/{request.param}"


def files(tmp_path):
    return [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".glimpse-store"]


async def status_of(owner, image_id):
    return (await owner.show(image_id))["status"]


async def until_status(owner, image_id, *wanted):
    return await until(lambda: status_of(owner, image_id), lambda status: status in wanted)


@pytest.mark.rule("IMG-415", "IMG-221", "IMG-223")
@pytest.mark.parametrize("how", ["hang up", "close"])
@pytest.mark.parametrize("body", [b"", b"x", bytes(300_000)])
async def test_a_client_that_breaks_off_can_come_back(api, owner, image_id, path, tmp_path, how, body):
    async with connected(api.base) as client:
        await client.ask("PUT", path, with_length(1_000_000), body)
        await until_status(owner, image_id, "saving", "uploading")
        if how == "hang up":
            client.hang_up()
        else:
            client.connection.close()
    await until_status(owner, image_id, "queued")
    assert (await owner.show(image_id))["size"] is None
    assert await until(lambda: asyncio.to_thread(files, tmp_path), lambda left: not left) == []
    assert [state for _store, state in await api.blobs(image_id)] == ["doomed"]
    assert (await api.told(image_id))[-1] in ("image.upload.failed", "image.stage.failed")
    assert (await owner.ask("PUT", path, b"whole", headers=OCTETS)).status == 204


@pytest.mark.rule("IMG-415")
async def test_a_client_that_breaks_off_between_chunks_can_come_back(api, owner, image_id, path):
    async with connected(api.base) as client:
        await client.ask("PUT", path, CHUNKED, chunk(b"x" * 1000))
        await until_status(owner, image_id, "saving", "uploading")
        client.hang_up()
    await until_status(owner, image_id, "queued")


@pytest.mark.parametrize("rubbish", [b"no number\r\n", b"5\r\nabcdefgh\r\n", b"-5\r\n", b"\r\n\r\n"])
async def test_chunks_that_are_none_are_refused(api, owner, image_id, path, rubbish):
    async with connected(api.base) as client:
        await client.ask("PUT", path, CHUNKED, chunk(b"x" * 1000))
        await until_status(owner, image_id, "saving", "uploading")
        await client.send(rubbish)
        assert (await client.head()).status == 400
        await client.rest()
    await until_status(owner, image_id, "queued")


@pytest.mark.rule("IMG-391")
async def test_a_body_may_come_one_byte_at_a_time(api, owner, image_id, path):
    content = bytes(range(100))
    async with connected(api.base) as client:
        await client.ask("PUT", path, with_length(len(content)))
        for number in content:
            await client.send(bytes([number]))
            await asyncio.sleep(0)
        assert (await client.answer())[0].status == 204
    assert (await owner.show(image_id))["size"] == 100


async def test_a_chunked_body_may_come_one_byte_at_a_time(api, owner, image_id, path):
    content = bytes(range(50))
    async with connected(api.base) as client:
        await client.ask("PUT", path, CHUNKED)
        for number in b"".join(chunk(bytes([number])) for number in content) + b"0\r\n\r\n":
            await client.send(bytes([number]))
            await asyncio.sleep(0)
        assert (await client.answer())[0].status == 204
    assert (await owner.show(image_id))["size"] == 50


@pytest.mark.rule("IMG-394")
async def test_what_follows_the_announced_length_is_no_part_of_the_image(api, owner, image_id):
    async with connected(api.base) as client:
        await client.ask("PUT", f"/v2/images/{image_id}/file", with_length(4), b"true")
        assert (await client.head()).status == 204
        await client.send(b" and a lie\r\n\r\n")
        assert b" 400 Bad Request" in await client.rest()
    assert (await owner.show(image_id))["checksum"] == hashlib.md5(b"true").hexdigest()


async def test_the_next_request_may_follow_at_once(api, owner, image_id):
    async with connected(api.base) as client:
        await client.ask("PUT", f"/v2/images/{image_id}/file", with_length(4), b"true")
        await client.ask("GET", f"/v2/images/{image_id}/file")
        assert (await client.answer())[0].status == 204
        head, body = await client.answer()
        assert (head.status, body) == (200, b"true")


@pytest.mark.rule("OP-133", "OP-42", "IMG-413")
async def test_a_wrong_format_is_refused_before_all_bytes_have_come(api, owner):
    image_id = (await owner.create(disk_format="qcow2", container_format="bare"))["id"]
    async with connected(api.base) as client:
        await client.ask("PUT", f"/v2/images/{image_id}/file", with_length(2**40), bytes(inspect.EARLY))
        assert (await client.answer())[0].status == 415
    assert await status_of(owner, image_id) == "queued"


async def test_a_refusal_reaches_a_client_that_sends_before_it_listens(api, owner, image_id):
    async with connected(api.base) as client:
        headers = {**with_length(8_000_000), "X-Image-Meta-Store": "nowhere"}
        await client.ask("PUT", f"/v2/images/{image_id}/file", headers, bytes(8_000_000))
        assert (await client.answer())[0].status == 400
        await client.ask("GET", f"/v2/images/{image_id}")  # and the connection is as good as before
        assert (await client.answer())[0].status == 200


# Clients that ask first


@pytest.mark.parametrize(
    ("what", "status"), [("taken", 409), ("missing", 404), ("large", 413), ("typeless", 415), ("nobody", 401)]
)
async def test_a_client_that_asks_first_is_refused_before_it_sends(api, owner, image_id, what, status):
    headers = {**with_length(2**41 if what == "large" else 1000), "Expect": "100-continue"}
    if what == "taken":
        assert (await owner.upload(image_id, b"first")).status == 204
    if what == "typeless":
        del headers["Content-Type"]
    if what == "nobody":
        headers["X-Identity-Status"] = "Invalid"
    name = "no-such-image" if what == "missing" else image_id
    async with connected(api.base) as client:
        await client.ask("PUT", f"/v2/images/{name}/file", headers)
        head, _body = await client.answer()  # no 100 comes before it
        assert (head.status, head.headers["Connection"]) == (status, "close")
        client.connection.shutdown(1)  # what nobody can tell apart from a body is not waited for
        assert await client.is_ended()


async def test_a_client_that_asks_first_is_told_to_go_on(api, owner, image_id, path):
    async with connected(api.base) as client:
        await client.ask("PUT", path, {**with_length(5), "Expect": "100-continue"})
        assert (await client.head()).status == 100
        await client.send(b"bytes")
        assert (await client.answer())[0].status == 204
        await client.ask("GET", f"/v2/images/{image_id}")
        assert (await client.answer())[0].status == 200


@pytest.mark.parametrize(
    ("case", "status"), [("queued", "204"), ("taken", "409"), ("missing", "404"), ("large", "413")]
)
async def test_curl_sees_the_right_answer(run, settings, tmp_path_factory, case, status):
    settings["images"] = {"size_cap_bytes": 50 * 2**20}
    content = tmp_path_factory.mktemp("sent") / "content"
    with content.open("wb") as file:
        file.truncate((60 if case == "large" else 40) * 2**20)
    async with run(settings) as api:
        owner = api.person()
        image_id = (await owner.create(disk_format="raw", container_format="bare"))["id"]
        if case == "taken":
            await owner.upload(image_id, b"first")
        name = "no-such-image" if case == "missing" else image_id
        fields = [part for each in (OWNER | OCTETS).items() for part in ("-H", ": ".join(each))]
        write = "%{http_code} %{size_upload}\n"
        url = f"{api.base}/v2/images/{name}/file"
        curl = await asyncio.create_subprocess_exec(
            "curl", "-sS", "-o", "/dev/null", "-w", write, *fields, "-T", content, url, stdout=asyncio.subprocess.PIPE
        )
        said, _ = await curl.communicate()
    sent = content.stat().st_size if case == "queued" else 0  # nothing of what is refused was sent
    assert (curl.returncode, said.decode().split()) == (0, [status, str(sent)])


# Handlers that are taken away


@pytest.mark.rule("IMG-415", "IMG-221", "IMG-223")
async def test_an_upload_whose_handler_is_cancelled_is_given_back(api, owner, image_id, path, tmp_path):
    async with connected(api.base) as client:
        await client.ask("PUT", path, with_length(1_000_000), bytes(200_000))
        await until_status(owner, image_id, "saving", "uploading")
        (writer,) = await until(lambda: asyncio.sleep(0, list(api.ports.in_flight.writers.values())), len)
        (handler,) = [task for task in asyncio.all_tasks() if "_handle_request" in repr(task.get_coro())]
        assert writer is not handler
        handler.cancel()
        assert await client.is_ended()
    await until_status(owner, image_id, "queued")
    assert files(tmp_path) == []
    assert [state for _store, state in await api.blobs(image_id)] == ["doomed"]
    assert not api.ports.in_flight.writers


async def test_a_request_that_is_cut_off_is_written_down(run, settings, capsys):
    settings["api"] |= {"access_log": True, "drain_seconds": 0}
    async with contextlib.AsyncExitStack() as stack, run(settings) as api:  # the client stays until the API is gone
        owner = api.person()
        image_id = (await owner.create(disk_format="raw", container_format="bare"))["id"]
        client = await stack.enter_async_context(connected(api.base))
        headers = {**with_length(1000), "X-Openstack-Request-Id": "req-cut"}
        await client.ask("PUT", f"/v2/images/{image_id}/file", headers, b"x")
        await until_status(owner, image_id, "saving")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "req-cut" in line]
    assert "status=None" in line


# Clients that do nothing


@pytest.fixture
async def impatient(run, settings):
    """An API that waits for nobody."""
    settings["api"]["idle_seconds"] = 0.5
    async with run(settings) as api:
        yield api


@pytest.mark.rule("IMG-415", "IMG-221", "IMG-223")
@pytest.mark.parametrize("what", ["file", "stage"])
@pytest.mark.parametrize(
    ("headers", "sent"),
    [(with_length(1_000_000), b"x"), (CHUNKED, chunk(b"x" * 1000)), (CHUNKED, b"")],
)
async def test_a_client_that_sends_nothing_more_is_left_and_can_come_back(impatient, tmp_path, what, headers, sent):
    owner = impatient.person()
    image_id = (await owner.create(disk_format="raw", container_format="bare"))["id"]
    path = f"/v2/images/{image_id}/{what}"
    async with connected(impatient.base) as client:
        await client.ask("PUT", path, headers, sent)
        head, body = await client.answer()
        assert (head.status, head.headers["Connection"]) == (408, "close")
        assert b"0.5 seconds" in body
    assert await status_of(owner, image_id) == "queued"
    assert files(tmp_path) == []
    assert (await owner.ask("PUT", path, b"whole", headers=OCTETS)).status == 204


async def test_a_client_that_sends_no_more_of_its_json_is_left(impatient):
    async with connected(impatient.base) as client:
        await client.ask("POST", "/v2/images", {"Content-Length": "100"}, b"{")
        head, _body = await client.answer()
        assert (head.status, head.headers["Connection"]) == (408, "close")
