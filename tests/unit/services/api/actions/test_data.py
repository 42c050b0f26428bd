"""Giving an image back, whatever happens meanwhile."""

import asyncio

import pytest

from glimpse.errors import Conflict, Unavailable
from services.api.actions import data


@pytest.mark.parametrize("times", [0, 1, 3])
async def test_it_is_done_to_its_end_however_often_it_is_cancelled(times: int) -> None:
    begun, going_on, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work() -> None:
        begun.set()
        await going_on.wait()
        done.set()

    giving = asyncio.create_task(data.given_back("an image", work()))
    await begun.wait()
    for _ in range(times):
        giving.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert not giving.done(), "it waits for its work"
    going_on.set()
    await giving
    assert done.is_set()


@pytest.mark.parametrize("error", [Unavailable("no database"), Conflict("it moved on"), ValueError("a mistake")])
async def test_what_goes_wrong_with_it_is_told_and_not_raised(
    error: Exception, capsys: pytest.CaptureFixture[str]
) -> None:
    async def work() -> None:
        raise error

    await data.given_back("an image", work())
    said = capsys.readouterr().out
    assert "an image could not be given back" in said
    assert str(error) in said
