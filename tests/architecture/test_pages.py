"""What the pages tell people to type exists, and what they point at is there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from glimpse import cli
from scripts import conformance

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT)
    for path in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    if "contract" not in path.parts
)
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
TYPED = re.compile(r"(?:^|`|; |&& )make ([a-z]+)(?=`|\s*#|\s*$| ARGS=)", re.MULTILINE)
COMMAND = re.compile(r"(?:^|`)glimpse ([a-z]+)(?: ([a-z]+))?", re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    named = set(TYPED.findall((ROOT / page).read_text()))
    assert not named - TARGETS


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_command_that_is_named_exists(page: Path) -> None:
    unknown = {words for words in COMMAND.findall((ROOT / page).read_text()) if not _is_command(*words)}
    assert not unknown


def _is_command(first: str, second: str) -> bool:
    family = getattr(get_command(cli.app), "commands", {}).get(first)
    return family is not None and (not second or second in getattr(family, "commands", {second}))


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_link_into_the_repository_leads_somewhere(page: Path) -> None:
    links = [link for link in LINK.findall((ROOT / page).read_text()) if "://" not in link]
    assert not [link for link in links if not (ROOT / page.parent / link).exists()]


def test_help_lists_every_target() -> None:
    described = set(re.findall(r"^([a-z]+):.*## \S", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert described == TARGETS


def test_tests_cite_only_rules_that_exist() -> None:
    assert conformance.look(ROOT).mistakes() == []


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(path.name[:4]) for path in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_map_has_every_room_of_the_api() -> None:
    rooms = {path.stem for path in (ROOT / "services" / "api").iterdir() if not path.name.startswith("__")}
    on_the_map = set(re.findall(r"`(\w+)`", (ROOT / "ARCHITECTURE.md").read_text()))
    assert sorted(rooms - on_the_map) == []
