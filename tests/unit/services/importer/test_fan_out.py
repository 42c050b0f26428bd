"""One stream into several real stores."""

import asyncio
from pathlib import Path

import pytest

from glimpse import settings
from glimpse.errors import StoreError, WrongFormat
from glimpse.stores.filesystem import FilesystemStore
from services.importer import fan_out

PIECES = [bytes([number]) * 100_000 for number in range(50)]


@pytest.fixture
def stores(tmp_path: Path) -> list[FilesystemStore]:
    opened = []
    for name in ("one", "two", "three"):
        store = FilesystemStore(name, settings.Store(paths=({"path": tmp_path / name},)))
        store.open()
        opened.append(store)
    return opened


async def pieces(error=None):
    for piece in PIECES:
        yield piece
    if error is not None:
        raise error


def kept(tmp_path: Path) -> list[str]:
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".glimpse-store"]
    return sorted(str(path.relative_to(tmp_path)) for path in files)


def break_down(store: FilesystemStore) -> None:
    part = store.directories[0].path / ".part"
    part.rmdir()
    part.write_text("")


async def test_every_store_gets_every_byte(stores, tmp_path):
    assert await fan_out.write(stores, "k", pieces(), all_must_succeed=True) == {}
    for name in ("one", "two", "three"):
        assert (tmp_path / name / "k").read_bytes() == b"".join(PIECES)


async def test_what_the_chunks_raise_comes_out_and_nothing_is_kept(stores, tmp_path):
    with pytest.raises(WrongFormat):
        await fan_out.write(stores, "k", pieces(WrongFormat("no")), all_must_succeed=False)
    assert kept(tmp_path) == []


@pytest.mark.rule("IMG-494")
async def test_the_others_go_on_without_a_store_that_fails(stores, tmp_path):
    break_down(stores[1])
    failed = await fan_out.write(stores, "k", pieces(), all_must_succeed=False)
    assert list(failed) == ["two"]
    assert kept(tmp_path) == ["one/k", "three/k", "two/.part"]


@pytest.mark.rule("IMG-493")
async def test_one_that_fails_stops_all_when_all_must_succeed(stores, tmp_path):
    break_down(stores[1])
    with pytest.raises(StoreError):
        await fan_out.write(stores, "k", pieces(), all_must_succeed=True)
    assert kept(tmp_path) == ["two/.part"]


@pytest.mark.rule("IMG-494")
async def test_when_none_succeeds_that_is_a_failure_too(stores):
    for store in stores:
        break_down(store)
    with pytest.raises(StoreError):
        await fan_out.write(stores, "k", pieces(), all_must_succeed=False)


async def test_cancelled_in_the_middle_it_keeps_nothing(stores, tmp_path):
    half = asyncio.Event()

    async def hanging():
        for piece in PIECES[:25]:
            yield piece
        half.set()
        await asyncio.Event().wait()

    writing = asyncio.create_task(fan_out.write(stores, "k", hanging(), all_must_succeed=False))
    await half.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert kept(tmp_path) == []
