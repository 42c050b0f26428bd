"""What is made from the code is committed as the code would make it now."""

from pathlib import Path

import pytest

from scripts import generate

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", generate.GENERATED)
def test_a_generated_file_is_current(name: str) -> None:
    assert (ROOT / name).read_text() == generate.GENERATED[name](), "run `make schemas` and commit what it writes"
