"""What only a store of files has: directories, markers, left-overs, a disk that fills up."""

import asyncio
import os
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import BinaryIO

import pytest

from glimpse import settings
from glimpse.errors import StoreError, StoreFull
from glimpse.stores import threads
from glimpse.stores.filesystem import FilesystemStore
from tests.fixtures.hanging import hanging


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


@pytest.mark.parametrize("empty_mount_point", [True, False])
async def test_of_a_directory_that_vanished_nobody_believes_that_its_bytes_are_gone(
    tmp_path: Path, empty_mount_point: bool
) -> None:
    store = a_store(tmp_path / "data")
    store.open()
    await store.write("image/key", some(65536))
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    if empty_mount_point:
        (tmp_path / "data").mkdir()
    for asked in (
        store.size("image/key"),
        store.delete("image/key"),
        anext(store.read("image/key")),
        store.write("image/other", some(1)),
        store.check(),
    ):
        with pytest.raises(StoreError, match="mount its volume"):
            await asked
    with pytest.raises(StoreError, match="mount its volume"):
        await anext(store.list_objects())
    if empty_mount_point:
        (tmp_path / "data").rmdir()
    (tmp_path / "elsewhere").rename(tmp_path / "data")
    assert await store.size("image/key") == 65536


async def test_keys_of_one_folder_can_be_deleted_at_once(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.open()
    for round_ in range(20):
        keys = [f"image{round_}/{number}" for number in range(8)]
        await asyncio.gather(*(store.write(key, some(1)) for key in keys))
        await asyncio.gather(*(store.delete(key) for key in keys))
    assert [stored async for stored in store.list_objects()] == []


class SlowToOpen(FilesystemStore):
    """A store on a disk that takes its time to open a file."""

    opening = threading.Event()
    may_open = threading.Event()

    def _begin(self, part: Path, key: str) -> BinaryIO:
        self.opening.set()
        self.may_open.wait(10)
        return super()._begin(part, key)


async def test_a_file_that_opens_after_its_write_was_cancelled_is_given_up(tmp_path: Path) -> None:
    store = SlowToOpen("fast", settings.Store(paths=(settings.DataDirectory(path=tmp_path, priority=0),)))
    store.open()
    writing = asyncio.create_task(store.write("image/key", some(65536)))
    await asyncio.to_thread(store.opening.wait, 10)
    writing.cancel()
    asyncio.get_running_loop().call_later(0.05, store.may_open.set)
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert store.may_open.is_set()  # it was waited for
    assert [stored async for stored in store.list_objects()] == []


@pytest.mark.rule("OP-156")
async def test_a_store_that_hangs_takes_no_threads_of_others(tmp_path: Path) -> None:
    slow, fast = a_store(tmp_path / "slow", name="slow"), a_store(tmp_path / "fast")
    slow.open()
    fast.open()
    with hanging(tmp_path / "slow"):
        asking = [asyncio.create_task(slow.check()) for _number in range(100)]
        async with asyncio.timeout(20):
            await fast.write("image/key", some(65536))
            assert await fast.size("image/key") == 65536
        assert not any(task.done() for task in asking)
    answers = await asyncio.gather(*asking, return_exceptions=True)
    assert answers[-1] is None  # it works again
    assert sum(isinstance(answer, StoreError) for answer in answers) <= threads.THREADS


def test_the_url_of_what_is_in_the_one_directory_is_made_without_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[object] = []
    for name in ("is_file", "exists", "stat"):
        monkeypatch.setattr(Path, name, lambda path: looked.append(path))
    assert a_store(tmp_path).url("image/key") == f"file://{tmp_path}/image/key"
    monkeypatch.undo()
    assert looked == []


async def test_the_url_of_several_directories_names_the_one_it_is_in(tmp_path: Path) -> None:
    store = a_store(tmp_path / "a", tmp_path / "b", priorities=(0, 1))
    store.open()
    await store.write("image/key", some(1))
    assert store.url("image/key") == f"file://{tmp_path}/b/image/key"
