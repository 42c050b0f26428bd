"""What a process does to its end."""

import asyncio

import pytest

from glimpse import process


class Work:
    """Something that takes until it is let go."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.began, self.may_end = asyncio.Event(), asyncio.Event()
        self.has_ended = False
        self._failure = failure

    async def do(self) -> None:
        self.began.set()
        await self.may_end.wait()
        self.has_ended = True
        if self._failure is not None:
            raise self._failure


@pytest.mark.parametrize("failure", [None, OSError("no room")])
async def test_what_must_not_be_left_half_done_outlives_every_cancellation(failure: Exception | None) -> None:
    work = Work(failure)
    waiting = asyncio.create_task(process.to_its_end(work.do()))
    await work.began.wait()
    for _ in range(3):
        waiting.cancel()
        await asyncio.sleep(0)
    assert not waiting.done()
    work.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert work.has_ended


async def test_what_it_raises_is_heard_where_nobody_cancels() -> None:
    work = Work(OSError("no room"))
    work.may_end.set()
    with pytest.raises(OSError, match="no room"):
        await process.to_its_end(work.do())
