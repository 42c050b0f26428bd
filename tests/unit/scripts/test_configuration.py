"""The page of settings says what the settings say."""

import tomllib
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from glimpse.settings import DataDirectory, Settings
from scripts import configuration


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "read_back"),
    [
        (True, True),
        (86400.0 * 7, 604800),
        (0.02, 0.02),
        ("disks", "disks"),
        (SecretStr("postgresql:///glimpse"), "postgresql:///glimpse"),
        ((Colour.RED, "blue"), ["red", "blue"]),
        ((IPv4Network("127.0.0.0/8"),), ["127.0.0.0/8"]),
        ((DataDirectory(path=Path("/srv"), priority=1),), [{"path": "/srv", "priority": 1}]),
    ],
)
def test_a_default_is_written_as_a_settings_file_would_have_it(value: Any, read_back: Any) -> None:
    assert tomllib.loads(f"value = {configuration._toml(value)}")["value"] == read_back


def test_every_section_and_every_setting_is_on_the_page() -> None:
    page = configuration.page()
    for name, field in Settings.model_fields.items():
        section = configuration._section(field)
        assert f"[{name.rstrip('_')}" in page or f"`{name}`" in page
        assert all(f"| `{setting}` |" in page for setting in (section.model_fields if section else ()))


def test_the_example_on_the_page_is_read_by_glimpse() -> None:
    example = configuration.page().partition("```toml")[2].partition("```")[0]
    assert Settings.model_validate(tomllib.loads(example)).main_store == "disks"


def test_a_setting_with_few_values_names_them() -> None:
    assert "One of `debug`, `info`, `warning`, `error`." in configuration.page()
