"""Which Postgres is taken."""

from pathlib import Path

import pytest

from glimpse.embedded import binaries
from glimpse.embedded.binaries import Binaries
from glimpse.errors import Conflict, Unavailable

DEBIANS = Binaries(Path("/usr/lib/postgresql/17/bin"), 17)
OLDER = Binaries(Path("/usr/lib/postgresql/15/bin"), 15)
WHEELS = Binaries(Path("/venv/pginstall18/bin"), 18, from_wheel=True)
FOUND = [DEBIANS, OLDER, WHEELS]


@pytest.fixture
def data(tmp_path):
    return tmp_path / "postgres"


def test_a_new_database_is_made_by_the_first_that_was_found(data):
    assert binaries.choose(FOUND, data) == DEBIANS
    data.mkdir()
    assert binaries.choose([WHEELS], data) == WHEELS


@pytest.mark.parametrize("made_by", FOUND)
def test_a_database_stays_with_the_version_that_made_it(data, made_by):
    data.mkdir()
    (data / "PG_VERSION").write_text(f"{made_by.major}\n")
    assert binaries.choose(FOUND, data) == made_by


def test_without_any_it_is_said_what_to_install(data):
    with pytest.raises(Unavailable, match="there is no Postgres 15 or newer on this machine: install it"):
        binaries.choose([], data)


def test_without_the_right_one_it_is_said_which_to_install(data):
    data.mkdir()
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(Conflict, match=r"made by Postgres 16, and this machine has 17, 15, 18: install postgresql-16"):
        binaries.choose(FOUND, data)


@pytest.mark.parametrize(
    ("name", "content", "words"), [("disk.raw", "", "no database"), ("PG_VERSION", "new", "names no version")]
)
def test_what_is_no_database_is_not_touched(data, name, content, words):
    data.mkdir()
    (data / name).write_text(content)
    with pytest.raises(Conflict, match=words):
        binaries.choose(FOUND, data)


def test_those_of_this_machine_come_before_the_wheels_and_are_new_enough():
    found = binaries.found()
    assert found == sorted(found, key=lambda each: (each.from_wheel, -each.major, str(each.folder)))
    assert all(each.major >= binaries.OLDEST and (each.folder / "initdb").exists() for each in found)
