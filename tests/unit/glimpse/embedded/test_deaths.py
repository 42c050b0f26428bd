"""How long is waited before something that died is started again."""

from glimpse.embedded.deaths import LONGEST_PAUSE_SECONDS, Deaths


def test_pauses_grow_while_deaths_come_quickly_but_not_for_ever():
    deaths = Deaths()
    pauses = [deaths.another(0.1) for _ in range(100)]
    assert pauses[:4] == [0.25, 0.5, 1, 2]
    assert pauses[-1] == LONGEST_PAUSE_SECONDS
    assert deaths.quick == 100


def test_who_lived_a_while_begins_anew():
    deaths = Deaths()
    for _ in range(5):
        deaths.another(0.1)
    assert deaths.another(3600) == 0.25
    assert deaths.another(0.1) == 0.25
