"""An identity service that does not answer is left alone for a while."""

import pytest

from glimpse.errors import Unavailable
from services.api.identity.patience import LONGEST_SECONDS, Patience


@pytest.mark.rule("AC-64")
def test_after_a_failure_nobody_asks_and_is_told_when_to_come_back():
    patience = Patience(10)
    began = patience.began()
    assert patience.failed(began, "away").retry_seconds == 1
    with pytest.raises(Unavailable) as refused:
        patience.began()
    assert refused.value.retry_seconds == 1
    patience.answered()
    patience.began()


def test_of_many_who_asked_at_once_one_counts():
    patience = Patience(10)
    for began in [patience.began() for _ in range(50)]:
        assert patience.failed(began, "away").retry_seconds == 1
        with pytest.raises(Unavailable):
            patience.require_still(began)


def test_the_pause_grows_but_not_for_ever():
    patience = Patience(10)
    pauses = [patience.failed(float("inf"), "away").retry_seconds for _ in range(8)]
    assert pauses == [1, 2, 4, 8, 16, LONGEST_SECONDS, LONGEST_SECONDS, LONGEST_SECONDS]
