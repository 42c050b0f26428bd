"""What every store promises (glimpse/stores/store.py), held against each adapter."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from glimpse import settings
from glimpse.errors import Conflict, Invalid, NotFound, StoreError
from glimpse.stores.filesystem import FilesystemStore
from glimpse.stores.store import Store

KEY = "3f1d6d0e-5b7c-4a3e-9b7d-2a2f0c6a9e11/a.1"


def a_file_store(tmp_path: Path) -> Store:
    directory = settings.DataDirectory(path=tmp_path / "data")
    store = FilesystemStore("fast", settings.Store(paths=(directory,)))
    store.open()
    return store


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
    ("offset", "length", "part"), [(0, 4, b"0123"), (3, None, b"3456789"), (9, 1, b"9"), (4, 0, b"")]
)
async def test_ranges_are_exact(store: Store, offset: int, length: int | None, part: bytes) -> None:
    await store.write(KEY, chunks(b"0123456789"))
    assert await read(store, KEY, offset, length) == part


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


async def test_a_usable_store_says_so(store: Store) -> None:
    await store.check()
    free = await store.free_bytes()
    assert free is None or free > 0
