"""Settings that are read again: right ones are taken, wrong ones change nothing."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from glimpse import settings, telemetry
from glimpse.errors import Invalid
from glimpse.reload import InForce


@pytest.fixture(autouse=True)
def levels() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    telemetry.set_level(settings.Log())
    logging.getLogger().setLevel(before)


class Said:
    """What the file says at the moment."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = {}

    def read(self) -> settings.Settings:
        return settings.validated(self.tree)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def in_force(said: Said) -> InForce:
    return InForce(said.read(), said.read)


def test_what_may_change_is_in_force_at_once(in_force: InForce, said: Said) -> None:
    before = in_force.settings
    said.tree = {"images": {"hashing_algorithm": "sha256"}}
    with capture_logs() as lines:
        assert in_force.read_again()
    assert in_force.settings.images.hashing_algorithm == "sha256"
    assert before.images.hashing_algorithm == "sha512"  # whoever keeps it keeps it
    assert [(line["event"], line["changed"]) for line in lines] == [
        ("settings are read again", ["images.hashing_algorithm"])
    ]


def test_what_may_not_change_waits_for_a_restart_and_is_named(in_force: InForce, said: Said) -> None:
    said.tree = {"api": {"port": 1}, "stores": {"disks": {"paths": [{"path": "/a"}]}}, "log": {"level": "error"}}
    with capture_logs() as lines:
        assert in_force.read_again()
    assert (in_force.settings.api.port, in_force.settings.stores, in_force.settings.log.level) == (9292, {}, "error")
    assert lines[0]["log_level"] == "warning"
    assert set(lines[0]["settings"]) > {"api.port", "stores.disks.paths"}


def test_wrong_settings_are_refused_in_one_line_and_the_old_ones_stay(in_force: InForce, said: Said) -> None:
    said.tree = {"images": {"hashing_algorithm": "shake_128"}, "log": {"level": "debug"}}
    with capture_logs() as lines:
        assert not in_force.read_again()
    assert in_force.settings == settings.Settings()
    ((event, level, reason),) = [(line["event"], line["log_level"], line["reason"]) for line in lines]
    assert (event, level) == ("settings are kept", "error")
    assert "images.hashing_algorithm" in reason
    assert "\n" not in reason


def test_a_file_that_is_gone_changes_nothing(said: Said) -> None:
    def gone() -> settings.Settings:
        raise Invalid("can not read the settings")

    in_force = InForce(said.read(), gone)
    assert not in_force.read_again()
    assert in_force.settings == said.read()


def test_nothing_new_is_no_news(in_force: InForce) -> None:
    assert not in_force.read_again()


def test_another_process_takes_what_it_is_told(in_force: InForce, said: Said) -> None:
    worker = InForce(in_force.settings, said.read)
    said.tree = {"images": {"hashing_algorithm": "sha256"}, "api": {"port": 1}}
    in_force.read_again()
    older = in_force.told()
    said.tree = {"images": {"hashing_algorithm": "sha384"}, "api": {"port": 2}}
    in_force.read_again()
    worker.hear(older + in_force.told())
    assert worker.settings == in_force.settings
    assert worker.settings.images.hashing_algorithm == "sha384"
    assert worker.settings.api.port == 9292


def test_the_level_of_lines_changes_with_it(in_force: InForce, said: Said) -> None:
    said.tree = {"log": {"level": "error"}}
    in_force.read_again()
    assert logging.getLogger().level == logging.ERROR
    said.tree = {"log": {"level": "debug"}}
    in_force.read_again()
    assert logging.getLogger().level == logging.WARNING  # of libraries, never less important ones
