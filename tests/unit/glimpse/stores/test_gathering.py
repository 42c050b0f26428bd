"""Batches: large for quick streams, small for slow ones, and nothing lost."""

import pytest

from glimpse.stores import gathering
from glimpse.stores.gathering import LARGEST, SMALLEST, Gathering


def lengths(gathered: Gathering, chunks: list[bytes]) -> list[int]:
    return [sum(map(len, batch)) for chunk in chunks if (batch := gathered.add(chunk))]


def test_batches_of_a_quick_stream_grow_to_the_largest() -> None:
    found = lengths(Gathering(), [bytes(SMALLEST // 4)] * 200)
    assert found[:3] == [SMALLEST, 2 * SMALLEST, 4 * SMALLEST]
    assert found[-1] == LARGEST


def test_batches_of_a_slow_stream_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gathering, "QUICK_SECONDS", -1.0)
    assert set(lengths(Gathering(), [bytes(SMALLEST // 4)] * 200)) == {SMALLEST}


def test_batches_of_a_stream_that_slows_down_shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    gathered = Gathering()
    assert lengths(gathered, [bytes(SMALLEST)] * 100)[-1] == LARGEST
    monkeypatch.setattr(gathering, "QUICK_SECONDS", -1.0)
    assert lengths(gathered, [bytes(SMALLEST)] * 100)[-1] == SMALLEST


def test_nothing_is_lost_and_the_order_is_kept() -> None:
    gathered, sent = Gathering(), [bytes([number]) * (number * 3000) for number in range(1, 200)]
    kept = [chunk for each in sent for chunk in gathered.add(each)] + gathered.rest()
    assert kept == sent
    assert gathered.rest() == []
