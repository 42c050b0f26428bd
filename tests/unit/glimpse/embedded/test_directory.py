"""Where data is kept when nobody says where."""

import os
from pathlib import Path

import pytest

from glimpse.embedded import directory


@pytest.mark.parametrize(
    ("user", "variables", "place"),
    [
        (0, {"XDG_DATA_HOME": "/x"}, "/var/lib/glimpse"),
        (1000, {"XDG_DATA_HOME": "/x"}, "/x/glimpse"),
        (1000, {"XDG_DATA_HOME": "not/absolute", "HOME": "/home/ann"}, "/home/ann/.local/share/glimpse"),
        (1000, {"HOME": "/home/ann"}, "/home/ann/.local/share/glimpse"),
    ],
)
def test_the_default_is_the_users(monkeypatch, user, variables, place):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert directory.default() == Path(place)
