"""What is installed is pinned and hashed, and says nothing of where it was fetched."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)")

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = [
    *PROJECT["project"]["dependencies"],
    *PROJECT["project"]["optional-dependencies"]["postgres"],
    *PROJECT["project"]["optional-dependencies"]["jwt"],
    *PROJECT["dependency-groups"]["build"],
]
WANTED = {
    "runtime.txt": RUNTIME,
    "dev.txt": [*RUNTIME, *PROJECT["dependency-groups"]["dev"]],
    "keystone.txt": PROJECT["dependency-groups"]["keystone"],
}


def entries(name: str) -> list[str]:
    text = (ROOT / "requirements" / name).read_text()
    return [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]


def pins(name: str) -> dict[str, str]:
    found = [PINNED.match(entry) for entry in entries(name)]
    return {canonicalize_name(match.group(1)): match.group(2) for match in found if match}


@pytest.mark.parametrize("name", WANTED)
def test_every_requirement_is_pinned_and_hashed(name: str) -> None:
    assert entries(name)
    assert not [entry for entry in entries(name) if not PINNED.match(entry) or "--hash=sha256:" not in entry]


@pytest.mark.parametrize("name", WANTED)
def test_no_address_of_an_index_is_written_down(name: str) -> None:
    assert "://" not in (ROOT / "requirements" / name).read_text()
    options = {word.partition("=")[0] for entry in entries(name) for word in entry.split() if word.startswith("-")}
    assert options == {"--hash"}  # and no other that says where to look


@pytest.mark.parametrize("name", WANTED)
def test_what_the_project_asks_for_is_what_is_pinned(name: str) -> None:
    pinned = pins(name)
    asked = [Requirement(text) for text in WANTED[name]]
    stale = [str(want) for want in asked if pinned.get(canonicalize_name(want.name), "none") not in want.specifier]
    assert not stale, "run `make lock`"


def test_developers_run_what_users_run() -> None:
    assert pins("runtime.txt").items() <= pins("dev.txt").items()
