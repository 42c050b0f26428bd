"""What every store promises (glimpse/stores/store.py), held against each adapter."""

import asyncio
import contextlib
import functools
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from aiohttp import web

from glimpse import settings
from glimpse.errors import Conflict, Invalid, NotFound, StoreError
from glimpse.stores.filesystem import FilesystemStore
from glimpse.stores.http import HttpStore
from glimpse.stores.store import Store

KEY = "3f1d6d0e-5b7c-4a3e-9b7d-2a2f0c6a9e11/a.1"


def a_file_store(tmp_path: Path) -> Store:
    directory = settings.DataDirectory(path=tmp_path / "data")
    store = FilesystemStore("fast", settings.Store(paths=(directory,)))
    store.open()
    return store


@dataclass(frozen=True)
class Holding:
    """A store that holds ten bytes, and the key they are under; and a key that it does not have."""

    store: Store
    key: str
    missing: str


@contextlib.asynccontextmanager
async def in_a_file(tmp_path: Path) -> AsyncIterator[Holding]:
    store = a_file_store(tmp_path)
    await store.write(KEY, chunks(b"0123456789"))
    yield Holding(store, KEY, KEY.replace("a.1", "b.1"))


@contextlib.asynccontextmanager
async def on_a_server(_tmp_path: Path, *, ranges: bool = True, head: bool = True) -> AsyncIterator[Holding]:
    async def give(request: web.Request) -> web.StreamResponse:
        if request.method == "HEAD" and not head:
            return web.Response(status=405)
        part = request.http_range if ranges else slice(0, None)
        content = b"0123456789"[part]
        if not ranges or "Range" not in request.headers:
            return web.Response(body=content)
        first = part.start or 0
        return web.Response(
            body=content, status=206, headers={"Content-Range": f"bytes {first}-{first + len(content) - 1}/10"}
        )

    app = web.Application()
    app.router.add_route("*", "/disk", give)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    here = f"http://127.0.0.1:{runner.addresses[0][1]}"
    rules = settings.Import.model_validate({"allowed_networks": ["127.0.0.1/32"], "allowed_ports": []})
    store = HttpStore("web", settings.Store(type="http"), rules)
    try:
        yield Holding(store, f"{here}/disk", f"{here}/gone")
    finally:
        await runner.cleanup()


READ_FROM = {
    "file": in_a_file,
    "http": on_a_server,
    "http without ranges": functools.partial(on_a_server, ranges=False),
    "http without HEAD": functools.partial(on_a_server, head=False),
}


@pytest.fixture(params=READ_FROM)
async def holding(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Holding]:
    """Every store there is, those that are only read, too."""
    async with READ_FROM[request.param](tmp_path) as held:
        yield held


@pytest.fixture(params=[a_file_store])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    opened: Store = request.param(tmp_path)
    return opened


async def chunks(*given: bytes) -> AsyncIterator[bytes]:
    for chunk in given:
        yield chunk


async def broken(*given: bytes) -> AsyncIterator[bytes]:
    for chunk in given:
        yield chunk
    raise ConnectionResetError("the client went away")


async def read(store: Store, key: str, offset: int = 0, length: int | None = None) -> bytes:
    return b"".join([chunk async for chunk in store.read(key, offset, length)])


async def keys(store: Store) -> set[str]:
    return {stored.key async for stored in store.list_objects()}


async def test_what_is_written_is_read_back_whole(store: Store) -> None:
    sent = [os.urandom(size) for size in (1, 65536, 3 * 1024 * 1024, 0, 700_000)]
    assert await store.write(KEY, chunks(*sent)) == sum(map(len, sent))
    assert await read(store, KEY) == b"".join(sent)
    assert await store.size(KEY) == sum(map(len, sent))


async def test_no_bytes_at_all_can_be_kept(store: Store) -> None:
    assert await store.write(KEY, chunks()) == 0
    assert await read(store, KEY) == b""


@pytest.mark.parametrize(
    ("offset", "length", "part"),
    [(0, None, b"0123456789"), (0, 4, b"0123"), (3, None, b"3456789"), (9, 1, b"9"), (4, 0, b""), (2, 3, b"234")],
)
async def test_ranges_are_exact(holding: Holding, offset: int, length: int | None, part: bytes) -> None:
    assert await read(holding.store, holding.key, offset, length) == part


async def test_more_than_there_is_can_not_be_read(holding: Holding) -> None:
    with pytest.raises(StoreError):
        await read(holding.store, holding.key, 5, 6)


async def test_what_is_there_has_a_size_and_what_is_not_has_none(holding: Holding) -> None:
    assert await holding.store.size(holding.key) == 10
    assert await holding.store.size(holding.missing) is None
    with pytest.raises(NotFound):
        await read(holding.store, holding.missing)


async def test_what_is_only_read_is_never_written_nor_deleted(holding: Holding) -> None:
    if not holding.store.read_only:
        pytest.skip("this one is written")
    with pytest.raises(StoreError):
        await holding.store.write(holding.missing, chunks(b"bytes"))
    await holding.store.delete(holding.key)
    assert await holding.store.size(holding.key) == 10
    assert await keys(holding.store) == set()


async def test_a_usable_store_says_so_whether_it_is_written_or_not(holding: Holding) -> None:
    await holding.store.check()
    free = await holding.store.free_bytes()
    assert free is None or free > 0


async def test_a_write_that_breaks_leaves_nothing(store: Store) -> None:
    with pytest.raises(ConnectionResetError):
        await store.write(KEY, broken(b"x" * 3_000_000))
    assert await store.size(KEY) is None
    assert await keys(store) == set()


async def test_a_write_that_is_cancelled_leaves_nothing(store: Store) -> None:
    begun = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(store.write(KEY, endless()))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys(store) == set()


async def test_a_key_is_written_once(store: Store) -> None:
    await store.write(KEY, chunks(b"first"))
    with pytest.raises(Conflict):
        await store.write(KEY, chunks(b"second"))
    assert await read(store, KEY) == b"first"


async def test_of_two_writers_of_one_key_one_wins_and_its_bytes_stay(store: Store) -> None:
    outcomes = await asyncio.gather(
        *(store.write(KEY, chunks(bytes([number]) * 2_000_000)) for number in range(8)), return_exceptions=True
    )
    assert [outcome for outcome in outcomes if not isinstance(outcome, Conflict)] == [2_000_000]
    kept = await read(store, KEY)
    assert len(kept) == 2_000_000
    assert len(set(kept)) == 1
    assert await keys(store) == {KEY}


async def test_deleting_twice_is_no_error(store: Store) -> None:
    await store.write(KEY, chunks(b"bytes"))
    await store.delete(KEY)
    await store.delete(KEY)
    assert await store.size(KEY) is None
    with pytest.raises(NotFound):
        await read(store, KEY)


async def test_a_key_that_is_deleted_while_it_is_written_is_never_there(store: Store) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def interrupted() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        begun.set()
        await go_on.wait()
        yield b"x" * 2_000_000

    task = asyncio.create_task(store.write(KEY, interrupted()))
    await begun.wait()
    await store.delete(KEY)
    go_on.set()
    with pytest.raises(StoreError):
        await task
    assert await store.size(KEY) is None
    assert await keys(store) == set()


async def test_what_is_listed_says_which_key_it_is_on_its_way_to(store: Store) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        begun.set()
        await go_on.wait()

    task = asyncio.create_task(store.write(KEY, slow()))
    await begun.wait()
    assert {stored.part_of for stored in [each async for each in store.list_objects()]} <= {KEY}
    go_on.set()
    await task
    assert [(each.key, each.part_of) async for each in store.list_objects()] == [(KEY, None)]


async def test_keys_of_one_image_do_not_disturb_each_other(store: Store) -> None:
    other = KEY.replace("a.1", "b.1")
    await store.write(KEY, chunks(b"a"))
    await store.write(other, chunks(b"b"))
    await store.delete(KEY)
    assert await read(store, other) == b"b"
    assert await keys(store) == {other}


@pytest.mark.parametrize("key", ["../out", "/etc/passwd", "a/../b", "", "a//b", ".part/x", "a/.b", "a\0b"])
async def test_a_key_can_not_lead_out_of_the_store(store: Store, key: str) -> None:
    with pytest.raises(Invalid):
        await store.write(key, chunks(b"x"))
    with pytest.raises(Invalid):
        await read(store, key)
