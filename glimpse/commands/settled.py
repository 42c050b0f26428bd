"""How every command comes by its settings, and how a refusal reaches the terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from glimpse import settings
from glimpse.embedded import directory
from glimpse.embedded.directory import Directory
from glimpse.errors import GlimpseError, Invalid
from glimpse.reload import InForce
from glimpse.settings import Layers, Settings

Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file (TOML). Default: what GLIMPSE_CONFIG names.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="One setting: section.name=value. May be given several times.")
]


def load(config: Path | None, overrides: list[str] | None) -> Settings:
    """Read the settings as an operator's command was asked to; where nobody says which, those of the `glimpse up` here.

    Raises Invalid with one line.
    """
    return settings.load(config, nested(overrides or []), otherwise=Directory(directory.default()).settings)


def in_force(config: Path | None, overrides: list[str] | None) -> InForce:
    """Read the settings of a service: what is stated, and nothing that lies about; on SIGHUP it does so again.

    Raises Invalid with one line.
    """

    def read() -> Settings:
        return settings.load(config, nested(overrides or []))

    return InForce(read(), read)


def layers(config: Path | None, overrides: list[str] | None) -> Layers:
    """Return what was said of the settings that `load` reads, and where. Raises Invalid with one line."""
    return settings.layers(config, nested(overrides or []), otherwise=Directory(directory.default()).settings)


def nested(assignments: list[str]) -> dict[str, Any]:
    """Turn `section.name=value` into the tables of a settings file; values are TOML when they can be read so."""
    result: dict[str, Any] = {}
    for assignment in assignments:
        path, equals, value = assignment.partition("=")
        if not equals or not path.strip():
            raise Invalid(f"--set {assignment}: write it as section.name=value")
        tree: dict[str, Any] = {path.split(".")[-1]: toml_value(value)}
        for name in reversed(path.split(".")[:-1]):
            tree = {name: tree}
        result = settings.merged(result, tree)
    return result


def toml_value(text: str) -> Any:
    """Read a value as TOML, and as a plain string when it is none."""
    import tomllib

    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


@contextmanager
def refusals_in_one_line() -> Iterator[None]:
    """Print what Glimpse refuses as one line on standard error and leave with 1."""
    try:
        yield
    except GlimpseError as error:
        print(f"glimpse: {error.message}", file=sys.stderr)
        raise typer.Exit(1) from None
