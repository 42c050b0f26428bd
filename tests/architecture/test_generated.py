"""What is made from the code is committed as the code would make it now."""

from pathlib import Path

import pytest

from scripts import generate

ROOT = Path(__file__).parents[2]
MADE = generate.made()


@pytest.mark.parametrize("name", MADE)
def test_a_generated_file_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == MADE[name], "run `make schemas` and commit what it writes"


def test_nothing_is_left_of_what_is_not_made_any_more() -> None:
    assert not generate.left_over(), "run `make schemas` and commit what it removes"
