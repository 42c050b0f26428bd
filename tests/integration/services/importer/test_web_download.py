"""web-download, from a real server on the loopback interface."""

import asyncio
import contextlib
import hashlib
import ipaddress
import itertools

import pytest
from aiohttp import web
from pydantic import SecretStr

from services.importer.sources import web_download


async def fetched(house, uri, **method):
    """Import from a URI; returns the image and its task."""
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": uri} | method, ["fast"])
    await house.work()
    return await house.image(image_id), await house.task(task_id)


async def failure(house, uri, **method):
    image, task = await fetched(house.another(attempts=1), uri, **method)
    assert (image.status, task["status"]) == ("queued", "failure")
    assert image.service_properties["os_glance_failed_import"] == "fast"
    assert (await house.blobs(image.id)).get("fast", ["doomed"]) == ["doomed"]
    return task["error_code"]


def giving(content, **headers):
    async def handler(_request):
        return web.Response(body=content, headers=headers)

    return handler


def answering(status, **headers):
    async def handler(_request):
        return web.Response(status=status, headers=headers)

    return handler


@pytest.mark.rule("IMG-492")
async def test_what_a_server_has_becomes_an_active_image(house, noise, serve):
    async with serve(giving(noise)) as uri:
        image, task = await fetched(house, uri)
    assert (image.status, image.size, task["status"]) == ("active", len(noise), "success")
    assert image.os_hash_value == hashlib.sha512(noise).hexdigest()
    assert await house.bytes_in(image.id, "fast") == noise
    assert await house.blobs(image.id) == {"fast": ["stored"]}


@pytest.mark.rule("IMG-492")
async def test_a_body_of_unknown_length_is_taken_to_its_end(house, noise, serve):
    async def chunked(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(noise)
        return response

    async with serve(chunked) as uri:
        image, _task = await fetched(house, uri)
    assert (image.status, image.size) == ("active", len(noise))


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (404, "source_not_found"),
        (410, "source_not_found"),
        (401, "source_refused"),
        (403, "source_refused"),
        (204, "source_refused"),
        (206, "source_refused"),
        (302, "source_refused"),
        (429, "source_unreachable"),
        (500, "source_unreachable"),
        (503, "source_unreachable"),
    ],
)
@pytest.mark.rule("IMG-496")
async def test_an_answer_without_bytes_fails_and_says_why(house, serve, status, code):
    async with serve(answering(status)) as uri:
        assert await failure(house, uri) == code


async def test_a_server_that_is_not_there_is_tried_again_before_the_import_fails(house, unused_tcp_port):
    image_id = await house.importing()
    uri = f"http://127.0.0.1:{unused_tcp_port}/disk"
    task_id = await house.ask(image_id, {"name": "web-download", "uri": uri}, ["fast"])
    for _attempt in range(2):
        await house.work()
        assert (await house.image(image_id)).status == "importing"
    await house.work()
    assert (await house.image(image_id)).status == "queued"
    assert (await house.task(task_id))["error_code"] == "source_unreachable"


@pytest.mark.rule("IMG-27", "OP-33")
@pytest.mark.parametrize(
    "target", ["http://10.0.0.1/", "http://[::1]/", "ftp://127.0.0.1/", "http://0x7f000001/", "http://localhost.:1/x"]
)
async def test_a_redirect_to_where_nobody_may_go_is_refused(house, serve, target):
    async with serve(answering(302, Location=target)) as uri:
        code = await failure(house, uri)
    assert code in ("source_forbidden_address", "source_unreachable")
    if "localhost" not in target:
        assert code == "source_forbidden_address"


@pytest.mark.rule("OP-32")
async def test_a_name_that_leads_to_a_private_address_is_refused_at_the_socket(house, serve):
    asked = asyncio.Event()

    async def never(_request):
        asked.set()
        return web.Response()

    async with serve(never) as uri:
        house = house.another(allowed_networks=())
        assert await failure(house, uri.replace("127.0.0.1", "localhost")) == "source_forbidden_address"
    assert not asked.is_set()


async def test_redirects_are_followed_but_not_for_ever(house, noise, serve):
    async def hops(request):
        left = int(request.query.get("left", 0))
        if left:
            return web.Response(status=302, headers={"Location": f"/disk?left={left - 1}"})
        return web.Response(body=noise)

    async with serve(hops) as uri:
        image, _task = await fetched(house, f"{uri}?left=5")
        assert image.status == "active"
        assert await failure(house, f"{uri}?left=6") == "source_refused"


class Breaking:
    """Breaks the connection after so many bytes, and goes on from where a Range begins."""

    def __init__(self, content, *, piece, tag='"v1"', ranges=True):
        self.content, self.piece, self.tag, self.ranges = content, piece, tag, ranges
        self.begins = []

    async def answer(self, request):
        part = self.ranges and "Range" in request.headers and request.headers.get("If-Range") == self.tag
        begin = int(request.headers["Range"].removeprefix("bytes=").rstrip("-")) if part else 0
        self.begins.append(begin)
        size = len(self.content)
        headers = {"Content-Length": str(size - begin), "ETag": self.tag}
        if part:
            headers["Content-Range"] = f"bytes {begin}-{size - 1}/{size}"
        response = web.StreamResponse(status=206 if part else 200, headers=headers)
        await response.prepare(request)
        await response.write(self.content[begin : begin + self.piece])
        if begin + self.piece < size:
            request.transport.close()
        return response


async def test_a_broken_download_goes_on_where_it_ended(house, noise, serve):
    server = Breaking(noise, piece=1_000_000)
    async with serve(server.answer) as uri:
        image, task = await fetched(house, uri)
    assert (image.status, task["attempts"]) == ("active", 1)
    assert await house.bytes_in(image.id, "fast") == noise
    # How much of a piece was taken before its connection broke is up to the buffers in between. What was taken is
    # never asked for again, and nothing is left out: the bytes above are whole.
    assert server.begins[0] == 0
    for before, begin in itertools.pairwise(server.begins):
        assert before < begin <= before + server.piece


@pytest.mark.rule("OP-23")
@pytest.mark.parametrize("options", [{"tag": 'W/"v1"'}, {"ranges": False}])
async def test_a_broken_download_begins_again_when_nobody_can_say_that_the_bytes_are_the_same(
    house, noise, serve, options
):
    server = Breaking(noise, piece=1_000_000, **options)
    async with serve(server.answer) as uri:
        assert await failure(house, uri) == "source_unreachable"
    assert set(server.begins) == {0}


async def test_a_source_that_breaks_without_one_more_byte_is_given_up(house, noise, serve, monkeypatch):
    monkeypatch.setattr(web_download, "RESUME_SECONDS", 0)
    server = Breaking(noise, piece=1_000_000)

    async def drying(request):
        server.piece = 1_000_000 if not server.begins else 0
        return await server.answer(request)

    async with serve(drying) as uri:
        assert await failure(house, uri) == "source_unreachable"
    assert 1 < len(server.begins) <= 10


async def test_bytes_that_come_encoded_are_refused(house, serve):
    async with serve(giving(b"x", **{"Content-Encoding": "gzip"})) as uri:
        assert await failure(house, uri) == "source_refused"


@pytest.mark.rule("IMG-16")
async def test_more_bytes_than_an_image_may_have_are_refused(house, noise, serve):
    settings = house.ports.settings
    images = settings.images.model_copy(update={"size_cap_bytes": 1000})
    small = house.another(attempts=1)
    object.__setattr__(small.ports, "settings", small.ports.settings.model_copy(update={"images": images}))
    async with serve(giving(noise)) as uri:
        image_id = await small.importing()
        task_id = await small.ask(image_id, {"name": "web-download", "uri": uri}, ["fast"])
        await small.work()
    assert (await small.task(task_id))["error_code"] == "too_large"


@pytest.mark.rule("IMG-728")
async def test_an_expected_digest_is_held_against_what_arrived(house, noise, serve):
    async with serve(giving(noise)) as uri:
        image, _task = await fetched(house, uri, digest=f"sha256:{hashlib.sha256(noise).hexdigest()}")
        assert image.status == "active"
        assert await failure(house, uri, digest="sha256:" + "0" * 64) == "digest_mismatch"


@pytest.mark.rule("IMG-728")
async def test_a_mirror_helps_when_the_source_does_not_answer(house, noise, serve):
    async with serve(answering(503)) as broken, serve(giving(noise)) as mirror:
        image, task = await fetched(house, broken, mirrors=[mirror])
    assert (image.status, task["attempts"]) == ("active", 1)


async def test_the_first_mirror_that_answers_is_taken_and_each_is_checked_like_the_source(house, noise, serve):
    asked = []

    async def give(request):
        asked.append(request.path)
        return web.Response(body=noise)

    async with serve(answering(404)) as missing, serve(give) as mirror:
        image, _task = await fetched(house, missing, mirrors=["http://10.0.0.1/", mirror, f"{mirror}/second"])
    assert (image.status, asked) == ("active", ["/disk"])


@pytest.mark.rule("OP-23")
async def test_a_source_that_drips_is_given_up(house, serve):
    async def dripping(request):
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):
            while True:
                await response.write(b"x")
                await asyncio.sleep(0.02)
        return response

    house = house.another(attempts=1, min_bytes_per_second=100_000, slow_seconds=0.3)
    async with serve(dripping) as uri:
        image, task = await fetched(house, uri)
    assert (image.status, task["error_code"]) == ("queued", "source_unreachable")
    assert "fewer than 100000 bytes a second" in task["message"]


async def test_a_network_that_is_not_allowed_is_not_reached_though_another_list_has_it(house, noise, serve):
    async with serve(giving(noise)) as uri:
        house = house.another(disallowed_networks=(ipaddress.ip_network("127.0.0.0/8"),))
        assert await failure(house, uri) == "source_forbidden_address"


async def test_a_proxy_is_used_when_a_setting_names_one_and_never_because_the_environment_does(
    house, noise, serve, monkeypatch
):
    asked = []

    async def proxy(request):
        asked.append(str(request.raw_path))
        return web.Response(body=noise)

    async with serve(proxy) as address, serve(giving(noise)) as uri:
        address = address.removesuffix("/disk")
        monkeypatch.setenv("http_proxy", address)
        image, _task = await fetched(house, uri)
        assert (image.status, asked) == ("active", [])
        proxied = house.another(allowed_networks=(), proxy=SecretStr(address))
        image, _task = await fetched(proxied, "http://images.example.test/disk")
        assert (image.status, asked) == ("active", ["http://images.example.test/disk"])
        assert await failure(proxied, "http://10.0.0.1/disk") == "source_forbidden_address"
