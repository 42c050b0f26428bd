"""What is shown is what is in force, without its secrets."""

import tomllib
from typing import Any

import pytest

from glimpse import settings
from glimpse.settings import Layers, shown

SAID: dict[str, Any] = {
    "default_store": "two words",
    "postgres": {"dsn": "postgresql://glimpse:hunter2@db/glimpse"},
    "images": {"disk_formats": ["raw"], "user_storage_quota": "5GB"},
    "stores": {
        "two words": {"paths": [{"path": "/a", "priority": 1}, {"path": "/b"}], "description": 'the "fast" one'},
        "tapes": {"paths": [{"path": "/c"}], "weight": 3},
    },
    "import": {"allowed_networks": ["10.0.0.0/8"], "methods": []},
}
LAYERS = Layers(None, {}, SAID, {"api": {"port": 0}})


@pytest.fixture
def in_force() -> settings.Settings:
    return settings.validated(LAYERS.tree())


def test_the_shown_file_is_a_settings_file_that_says_the_same(in_force: settings.Settings) -> None:
    read = tomllib.loads(shown.as_toml(in_force, LAYERS))
    secrets = {"postgres": SAID["postgres"]}
    assert settings.validated(settings.merged(read, secrets)) == in_force


def test_no_secret_is_shown(in_force: settings.Settings) -> None:
    assert "hunter2" not in shown.as_toml(in_force, LAYERS)
    assert "hunter2" not in str(shown.as_tree(in_force, LAYERS))
    assert shown.as_tree(in_force, LAYERS)["postgres"]["dsn"] == {"from": "environment", "secret": True}


def test_each_line_says_where_its_value_comes_from(in_force: settings.Settings) -> None:
    lines = shown.as_toml(in_force, LAYERS).splitlines()
    assert "port = 0  # --set" in lines
    assert 'disk_formats = ["raw"]  # environment' in lines
    assert "workers = 0  # default" in lines
    assert "# public_endpoint is unset  # default" in lines


def test_programs_read_values_as_they_are(in_force: settings.Settings) -> None:
    tree = shown.as_tree(in_force, LAYERS)
    assert tree["default_store"] == {"from": "environment", "value": "two words"}
    assert tree["import"]["allowed_networks"] == {"from": "environment", "value": ["10.0.0.0/8"]}
    assert tree["stores"]["tapes"]["weight"]["value"] == 3
    assert tree["api"]["public_endpoint"] == {"from": "default", "value": None}
