"""What only a store of other people's servers has: servers that lie, break off or lead elsewhere (IMG-360, OP-70)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from aiohttp import web

from glimpse import settings
from glimpse.errors import Invalid, NotFound, StoreError
from glimpse.stores.http import HttpStore
from glimpse.stores.store import told

CONTENT = b"0123456789"
Give = Callable[[web.Request], Awaitable[web.StreamResponse]]


def a_store(**rules: Any) -> HttpStore:
    allowed = {"allowed_networks": ["127.0.0.1/32"], "allowed_ports": []} | rules
    return HttpStore("web", settings.Store(type="http"), settings.Import.model_validate(allowed))


@contextlib.asynccontextmanager
async def serving(give: Give) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", give)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def read(store: HttpStore, url: str, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(url, offset, length)])


def answering(status: int = 200, **headers: str) -> Give:
    async def give(request: web.Request) -> web.StreamResponse:
        if request.path == "/there":
            return web.Response(body=CONTENT)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, headers=named, body=b"" if status >= 300 else CONTENT)

    return give


async def test_redirects_are_followed() -> None:
    async with serving(answering(302, Location="/there")) as here:
        assert await a_store().size(f"{here}/disk") == 10
        assert await read(a_store(), f"{here}/disk", 2, 3) == b"234"


USELESS = [
    (302, {"Location": "http://10.1.2.3/private"}),  # a private address
    (302, {"Location": "file:///etc/passwd"}),
    (302, {"Location": "/again"}),  # for ever
    (302, {}),
    (401, {}),
    (500, {}),
    (200, {"Content_Encoding": "gzip"}),
]


@pytest.mark.parametrize(("status", "headers"), USELESS)
async def test_what_gives_no_bytes_is_a_failure_whose_text_has_no_url(status: int, headers: dict[str, str]) -> None:
    async with serving(answering(status, **headers)) as here:
        for asking in (a_store().size(f"{here}/disk?signature=x"), read(a_store(), f"{here}/disk?signature=x")):
            with pytest.raises(StoreError) as refusal:
                await asking
            assert "signature" not in str(refusal.value)
            assert "127.0.0.1" not in str(refusal.value)


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_not_there_has_no_size(status: int) -> None:
    async with serving(answering(status)) as here:
        assert await a_store().size(f"{here}/disk") is None
        with pytest.raises(NotFound):
            await read(a_store(), f"{here}/disk")


async def test_a_private_address_is_not_asked() -> None:
    asked: list[str] = []

    async def give(request: web.Request) -> web.StreamResponse:
        asked.append(request.method)
        return web.Response(body=CONTENT)

    async with serving(give) as here:
        store = a_store(allowed_networks=[])
        with pytest.raises(Invalid):
            store.key_of(f"{here}/disk")
        for url in (f"{here}/disk", f"{here.replace('127.0.0.1', 'localhost')}/disk"):
            with pytest.raises(StoreError):
                await store.size(url)
            with pytest.raises(StoreError):
                await read(store, url)
    assert asked == []


async def test_a_server_that_only_drips_is_given_up() -> None:
    over = asyncio.Event()

    async def give(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000000"})
        await response.prepare(request)
        while not over.is_set():
            try:
                await response.write(b"0")
                await asyncio.wait_for(over.wait(), 0.02)
            except TimeoutError:
                continue
            except ConnectionError:
                break
        return response

    async with serving(give) as here:
        with pytest.raises(StoreError, match="fewer than 100000 bytes a second"):
            await read(a_store(min_bytes_per_second=100_000, slow_seconds=0.3), f"{here}/disk")
        over.set()


async def test_a_body_that_breaks_off_is_never_taken_for_whole() -> None:
    async def give(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "10"})
        await response.prepare(request)
        await response.write(b"01234")
        assert request.transport is not None
        request.transport.abort()
        return response

    async with serving(give) as here:
        with pytest.raises(StoreError):
            await read(a_store(), f"{here}/disk")
        assert await read(a_store(), f"{here}/disk", 0, 4) == b"0123"  # what was asked for did come


async def test_another_part_than_was_asked_for_is_refused() -> None:
    async with serving(answering(206, Content_Range="bytes 0-9/10")) as here:
        with pytest.raises(StoreError, match="another part"):
            await read(a_store(), f"{here}/disk", 3, 4)


async def test_without_a_length_nothing_is_known_of_the_size() -> None:
    async def give(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        if request.method == "GET":
            await response.write(CONTENT)
        return response

    async with serving(give) as here:
        with pytest.raises(StoreError, match="how large"):
            await a_store().size(f"{here}/disk")
        assert await read(a_store(), f"{here}/disk") == CONTENT


@pytest.mark.parametrize(
    "url", ["http://user:secret@a.example/x", "http://a.example/" + "x" * 2000, "http://a.example/a b", "http:///x"]
)
def test_a_url_that_no_import_could_fetch_is_no_key(url: str) -> None:
    with pytest.raises(Invalid) as refusal:
        a_store().key_of(url)
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "s3://a/b/c", "rbd://a/b/c/d", "no URL", ""])
def test_a_url_of_another_kind_is_not_its_business(url: str) -> None:
    assert a_store().key_of(url) is None


def test_logs_have_of_a_url_the_host_only() -> None:
    assert told("https://user:secret@a.example/x?signature=y") == "https://a.example/..."
    assert told("3f1d/a.1") == "3f1d/a.1"
