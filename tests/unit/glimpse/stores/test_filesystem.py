"""What only a store of files has: directories, markers, left-overs, a disk that fills up."""

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from glimpse import settings
from glimpse.errors import StoreError, StoreFull
from glimpse.stores.filesystem import FilesystemStore


def a_store(*paths: Path, name: str = "fast", priorities: tuple[int, ...] = ()) -> FilesystemStore:
    ranks = priorities or (0,) * len(paths)
    directories = tuple(settings.DataDirectory(path=p, priority=r) for p, r in zip(paths, ranks, strict=True))
    return FilesystemStore(name, settings.Store(paths=directories))


async def some(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, 65536):
        yield b"\xa5" * 65536


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one MiB."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    mount = tmp_path / "tiny"
    mount.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", mount], check=True)
    yield mount
    subprocess.run(["umount", mount], check=True)


async def test_a_full_disk_is_told_and_nothing_stays_on_it(tiny_disk: Path) -> None:
    store = a_store(tiny_disk)
    store.open()
    with pytest.raises(StoreFull, match="free some space"):
        await store.write("image/key", some(4 * 1024 * 1024))
    assert [stored async for stored in store.list_objects()] == []
    assert await store.write("image/key", some(65536)) == 65536


@pytest.mark.rule("OP-57", "OP-156")
def test_a_directory_that_is_another_stores_is_refused(tmp_path: Path) -> None:
    a_store(tmp_path, name="fast").open()
    with pytest.raises(StoreError, match="belongs to store fast"):
        a_store(tmp_path, name="cheap").open()


async def test_the_directory_with_the_highest_priority_is_filled_first(tmp_path: Path) -> None:
    store = a_store(tmp_path / "low", tmp_path / "high", priorities=(1, 9))
    store.open()
    await store.write("image/key", some(65536))
    assert (tmp_path / "high/image/key").is_file()
    assert await store.size("image/key") == 65536


@pytest.mark.rule("OP-66")
async def test_what_a_crash_left_is_listed_and_can_be_deleted(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.open()
    (tmp_path / ".part/abc").write_bytes(b"half")
    (left,) = [stored async for stored in store.list_objects()]
    assert (left.key, left.size) == (".part/abc", 4)
    await store.delete(left.key)
    assert [stored async for stored in store.list_objects()] == []


async def test_a_directory_that_vanished_fails_the_check(tmp_path: Path) -> None:
    store = a_store(tmp_path / "data")
    store.open()
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    with pytest.raises(StoreError):
        await store.check()


@pytest.mark.parametrize("steps", range(8))
async def test_a_write_that_is_cancelled_early_leaves_nothing_open_and_nothing_behind(
    tmp_path: Path, steps: int
) -> None:
    store = a_store(tmp_path / "one")
    store.open()
    writing = asyncio.create_task(store.write("image/key", some(64 * 1024 * 1024)))
    for _step in range(steps):
        await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert [stored async for stored in store.list_objects()] == []
