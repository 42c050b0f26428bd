"""Questions that are shared, and written down when their answers change."""

import asyncio

from structlog.testing import capture_logs

from services.api.probes import Probes
from tests.fixtures.waiting import until


async def test_a_mistake_of_ours_is_written_down_with_its_place_and_told_as_such() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    probes = Probes()
    with capture_logs() as said:
        assert await probes.problem("fast", broken, 5) == "broke"
    (line,) = said
    assert (line["event"], line["part"], line["reason"], line["exc_info"]) == (
        "not ready",
        "fast",
        "ZeroDivisionError()",
        True,
    )


async def test_one_that_hangs_is_asked_once_and_again_only_when_it_has_answered() -> None:
    asked, answer = 0, asyncio.Event()

    async def hanging() -> None:
        nonlocal asked
        asked += 1
        await answer.wait()

    probes = Probes()
    for _round in range(3):
        assert await probes.problem("fast", hanging, 0.01) == "does not answer"
    assert asked == 1
    answer.set()
    assert await until(lambda: probes.problem("fast", hanging, 0.01), lambda problem: problem is None) is None
    assert asked == 1  # it is the answer to that question


async def test_who_was_let_go_takes_the_question_of_nobody_else_away() -> None:
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> None:
        asked.set()
        await answer.wait()

    probes = Probes()
    first = asyncio.create_task(probes.problem("fast", slow, 60))
    await asked.wait()
    second = asyncio.create_task(probes.problem("fast", slow, 60))
    first.cancel()
    await asyncio.wait([first])
    answer.set()
    assert await second is None
