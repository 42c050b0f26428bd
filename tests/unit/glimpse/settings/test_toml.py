"""What is written as TOML reads back as it was."""

import tomllib
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from glimpse.settings import DataDirectory, toml


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "read_back"),
    [
        (True, True),
        (86400.0 * 7, 604800),
        (0.02, 0.02),
        ("disks", "disks"),
        (
            'a "quoted" \\ one\nin two lines, with \x01, \x7f and ü',
            'a "quoted" \\ one\nin two lines, with \x01, \x7f and ü',
        ),
        (SecretStr("postgresql:///glimpse"), "postgresql:///glimpse"),
        ((Colour.RED, "blue"), ["red", "blue"]),
        ((IPv4Network("127.0.0.0/8"),), ["127.0.0.0/8"]),
        ((DataDirectory(path=Path("/srv"), priority=1),), [{"path": "/srv", "priority": 1}]),
    ],
)
def test_a_value_is_written_as_a_settings_file_would_have_it(value: Any, read_back: Any) -> None:
    assert tomllib.loads(f"value = {toml.written(value)}")["value"] == read_back


@pytest.mark.parametrize("name", ["fast", "two words", "a.b", 'with "quotes"'])
def test_a_table_is_called_what_it_is_called(name: str) -> None:
    assert tomllib.loads(f"[{toml.key(name)}]\n") == {name: {}}
