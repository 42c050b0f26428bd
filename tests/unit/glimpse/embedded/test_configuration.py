"""The settings of everything in one place, and the file that they are written to."""

import stat
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse import settings
from glimpse.embedded import configuration
from glimpse.embedded.directory import Directory
from glimpse.errors import Unavailable

HOME = Directory(Path("/srv/glimpse"))

texts = st.text(st.characters(exclude_categories=["Cs"]))
scalars = texts | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
in_a_list = st.lists(st.dictionaries(texts, values, max_size=3), max_size=2)
trees = st.dictionaries(
    texts,
    st.recursive(values | in_a_list, lambda inner: st.dictionaries(texts, inner, min_size=1, max_size=3)),
    max_size=4,
)


@given(trees)
def test_what_is_written_is_read_as_it_was(tree):
    assert tomllib.loads("".join(configuration._table((), tree))) == tree


def test_the_defaults_are_settings():
    told = settings.validated(configuration.complete(HOME, {}))
    assert (told.main_store, list(told.stores)) == ("fast", ["fast", "cheap"])
    assert told.scrubber.delayed_delete
    assert (told.auth.mode, told.auth.none_project, told.auth.none_user) == ("none", "local", None)
    assert (told.api.host, told.api.port) == ("127.0.0.1", 9292)


def test_what_is_stated_lies_over_the_defaults():
    told = settings.validated(configuration.complete(HOME, {"api": {"port": 1}, "scrubber": {"batch": 7}}))
    assert (told.api.host, told.api.port, told.scrubber.delayed_delete, told.scrubber.batch) == (
        "127.0.0.1",
        1,
        True,
        7,
    )


def test_who_has_stores_gets_none_of_ours():
    told = settings.validated(configuration.complete(HOME, {"stores": {"mine": {"paths": [{"path": "/srv/mine"}]}}}))
    assert (list(told.stores), told.main_store) == (["mine"], "mine")


def test_the_file_is_for_our_eyes_and_whole_or_not_there(tmp_path):
    path = tmp_path / "glimpse.toml"
    path.write_text("before")
    path.chmod(0o644)
    configuration.write(path, {"postgres": {"dsn": "postgresql://u:secret@h/d"}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert settings.load(path).postgres.dsn.get_secret_value() == "postgresql://u:secret@h/d"
    assert list(tmp_path.iterdir()) == [path]


def test_where_it_can_not_be_written_says_so(tmp_path):
    with pytest.raises(Unavailable, match=r"can not write .*glimpse\.toml: No such file or directory"):
        configuration.write(tmp_path / "gone" / "glimpse.toml", {})
