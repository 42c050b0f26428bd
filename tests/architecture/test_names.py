"""Files are called after what is in them, and stand where a newcomer would look."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("glimpse", "services", "schemas")
NO_NOUNS = {"common", "core", "utils", "util", "helpers", "base", "manager", "types", "models", "misc", "shared", "lib"}


def python_files(*folders: str) -> list[Path]:
    return [path.relative_to(ROOT) for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


@pytest.mark.parametrize("name", PACKAGES)
def test_an_import_name_is_the_folder_you_see(name: str) -> None:
    assert importlib.import_module(name).__file__ == str(ROOT / name / "__init__.py")


def test_every_file_is_a_noun_of_the_architecture() -> None:
    named = [path for path in python_files(*PACKAGES, "scripts", "benchmarks") if NO_NOUNS & {*path.parts, path.stem}]
    assert not named, "say what is in it"


def test_a_folder_of_code_is_a_package() -> None:
    folders = {path.parent for path in python_files(*PACKAGES) if path.parent.name != "versions"}
    assert not [folder for folder in folders if not (ROOT / folder / "__init__.py").exists()]


def test_no_package_under_tests_shadows_the_code() -> None:
    assert not [path for path in python_files("tests") if path.name == "__init__.py"]


def test_a_unit_test_stands_where_its_module_stands() -> None:
    astray = [test for test in python_files("tests/unit") if test.name != "conftest.py" and not _module_of(test)]
    assert not astray, "tests/unit/<folder>/test_<module>.py is about <folder>/<module>.py"


def _module_of(test: Path) -> Path | None:
    folder = Path(*test.parts[2:-1])
    name = test.stem.removeprefix("test_")
    places = (ROOT / folder / f"{name}.py", ROOT / folder / name / "__init__.py")
    return next((place for place in places if place.exists()), None)


def test_a_test_that_is_not_found_by_its_name_is_none() -> None:
    found = {path for path in python_files("tests") if path.name.startswith("test_")}
    with_tests = {path for path in python_files("tests") if "\ndef test_" in (ROOT / path).read_text()}
    assert not with_tests - found
