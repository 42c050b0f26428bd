"""Rooms that are bounded, private, and gone afterwards."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from glimpse.errors import StoreFull
from services.importer.scratch import Scratch

GIB = 1024**3


async def test_a_room_is_private_empty_and_gone_with_what_was_in_it(tmp_path):
    scratch = Scratch(tmp_path / "root", GIB)
    async with scratch.room("task", 1, 100) as room:
        assert list(room.iterdir()) == []
        assert room.stat().st_mode & 0o777 == 0o700
        (room / "result").write_bytes(b"x")
    assert not room.exists()
    await scratch.close()
    assert list((tmp_path / "root").iterdir()) == []


async def test_a_room_goes_when_the_work_breaks(tmp_path):
    scratch = Scratch(tmp_path, GIB)
    with pytest.raises(ZeroDivisionError):
        async with scratch.room("task", 1, GIB) as room:
            1 / 0  # noqa: B018
    assert not room.exists()
    async with scratch.room("task", 1, GIB):  # and the budget is back
        pass
    await scratch.close()


async def test_a_room_goes_when_the_work_is_cancelled(tmp_path):
    scratch = Scratch(tmp_path, GIB)
    inside = asyncio.Event()
    rooms: list[Path] = []

    async def work():
        async with scratch.room("task", 1, GIB) as room:
            rooms.append(room)
            (room / "half").write_bytes(b"x")
            inside.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(work())
    await inside.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert not rooms[0].exists()
    await scratch.close()


async def test_what_can_never_fit_is_refused_at_once(tmp_path):
    with pytest.raises(StoreFull, match="needs 101 bytes of scratch, and only 100 are allowed"):
        async with Scratch(tmp_path, 100).room("task", 1, 101):
            pass


async def test_what_the_disk_has_not_is_refused_at_once(tmp_path):
    scratch = Scratch(tmp_path, 1 << 62)
    with pytest.raises(StoreFull, match="are free below"):
        async with scratch.room("task", 1, 1 << 61):
            pass
    await scratch.close()


async def test_rooms_wait_for_the_budget_in_the_order_of_asking(tmp_path):
    scratch = Scratch(tmp_path, 100)
    order: list[str] = []

    async def work(name: str, wanted: int) -> None:
        async with scratch.room(name, 1, wanted):
            order.append(name)

    async with scratch.room("first", 1, 60):
        large = asyncio.create_task(work("large", 100))
        await asyncio.sleep(0)
        small = asyncio.create_task(work("small", 10))  # would fit now, and must not overtake
        for _ in range(5):
            await asyncio.sleep(0)
        assert order == []
    await asyncio.gather(large, small)
    assert order == ["large", "small"]
    await scratch.close()


async def test_one_who_stops_waiting_holds_nobody_up(tmp_path):
    scratch = Scratch(tmp_path, 100)
    async with scratch.room("first", 1, 60):
        waiting = asyncio.create_task(scratch.room("large", 1, 100).__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        async with scratch.room("small", 1, 40):
            pass
    await scratch.close()


async def test_a_sweep_leaves_the_living_alone(tmp_path):
    living = Scratch(tmp_path, GIB)
    async with living.room("task", 1, 100) as room:
        assert await Scratch(tmp_path, GIB).sweep() == 0
        assert await living.sweep() == 0
        assert room.exists()
    await living.close()


async def test_a_sweep_removes_what_a_killed_importer_left_and_nothing_else(tmp_path):
    (tmp_path / "not-ours").mkdir()
    program = """
import asyncio, sys
from pathlib import Path
from services.importer.scratch import Scratch
async def work():
    async with Scratch(Path(sys.argv[1]), 100).room("task", 1, 100) as room:
        (room / "half").write_bytes(b"x")
        print(room, flush=True)
        await asyncio.Event().wait()
asyncio.run(work())
"""
    repository = Path(__file__).parents[4]
    with subprocess.Popen(  # noqa: ASYNC220 - it is to be killed, not awaited
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=repository
    ) as importer:
        assert importer.stdout is not None
        room = Path(importer.stdout.readline().strip())
        sweeper = Scratch(tmp_path, GIB)
        assert await sweeper.sweep() == 0
        assert (room / "half").exists()
        os.kill(importer.pid, signal.SIGKILL)
        importer.wait()
    assert await sweeper.sweep() == 1
    assert [path.name for path in tmp_path.iterdir()] == ["not-ours"]


async def test_a_sweep_of_a_root_that_is_not_there_yet_finds_nothing(tmp_path):
    assert await Scratch(tmp_path / "later", GIB).sweep() == 0
