"""How an end is told."""

import pytest

from glimpse.embedded import keeper


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (0, "it left with status 0"),
        (1, "it left with status 1"),
        (-9, "it was ended by SIGKILL"),
        (-63, "it was ended by signal 63"),
    ],
)
def test_an_end_is_told_by_its_name(status, told):
    assert keeper.how(status) == told
