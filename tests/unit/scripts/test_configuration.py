"""The page of settings says what the settings say."""

import tomllib

from glimpse.settings import Settings
from scripts import configuration


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
