"""Who writes what, and what becomes of them when it is taken away."""

import asyncio

import pytest

from glimpse.errors import Fenced
from services.api.in_flight import InFlight


async def nothing_more():
    await asyncio.Event().wait()


async def test_what_is_written_is_known_as_long_as_it_is():
    in_flight = InFlight()

    async def work():
        assert set(in_flight.writers) == {7}
        return 5

    assert await in_flight.write(7, work()) == 5
    assert not in_flight.writers


async def test_what_goes_wrong_comes_out_as_it_is():
    async def work():
        raise LookupError

    in_flight = InFlight()
    with pytest.raises(LookupError):
        await in_flight.write(7, work())
    assert not in_flight.writers


async def test_a_writer_whose_copy_is_lost_is_fenced_and_the_others_go_on():
    in_flight, done = InFlight(), asyncio.Event()
    lost = asyncio.create_task(in_flight.write(1, nothing_more()))
    kept = asyncio.create_task(in_flight.write(2, done.wait()))
    await asyncio.sleep(0)
    in_flight.lose({1, 3})
    with pytest.raises(Fenced):
        await lost
    assert set(in_flight.writers) == {2}
    done.set()
    assert await kept


async def test_whoever_is_cancelled_takes_the_work_along_and_stays_cancelled():
    in_flight, cleaned = InFlight(), asyncio.Event()

    async def work():
        try:
            await nothing_more()
        finally:
            await asyncio.sleep(0)
            cleaned.set()

    writing = asyncio.create_task(in_flight.write(1, work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert cleaned.is_set()
    assert not in_flight.writers
