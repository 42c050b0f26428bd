"""What the operator says instead of the built-in rules: a file of names and check strings (AC-5)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from glimpse.errors import Invalid


def read(path: Path) -> dict[str, str]:
    """Return the rules in a file, YAML or JSON. Raises Invalid."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"can not read the policy file {path}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # of no such day, or too deep
        raise Invalid(f"the policy file {path} is neither YAML nor JSON: {' '.join(str(error).split())}") from None
    if not isinstance(content or {}, dict):
        raise Invalid(f"the policy file {path} holds no rules: write `name: check` on each line")
    return {str(name): _text(name, rule) for name, rule in (content or {}).items()}


def place_of(path: Path, rule: str) -> str:
    """Return where a rule stands, for people: the file, and the line where it begins."""
    try:
        document = yaml.compose(path.read_text(), Loader=yaml.SafeLoader)
    except (OSError, ValueError, yaml.YAMLError):  # it has changed since it was read
        return str(path)
    pairs = document.value if isinstance(document, yaml.MappingNode) else []
    lines = [key.start_mark.line + 1 for key, _value in pairs if key.value == rule]
    return f"{path}, line {lines[-1]}" if lines else str(path)


def stamp(path: Path) -> tuple[int, ...] | None:
    """Return what changes when a file is written anew or exchanged; None while there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _text(name: Any, rule: Any) -> str:
    """Return a check string. Old files have lists: any of the outer ones must hold, all of the inner."""
    if isinstance(rule, str):
        return rule
    if not rule and (rule is None or isinstance(rule, Sequence)):
        return ""
    if isinstance(rule, list):
        return " or ".join(f"({' and '.join(_all_of(name, each))})" for each in rule if each)
    raise Invalid(f"the policy rule {name} is no text")


def _all_of(name: Any, inner: Any) -> list[str]:
    checks = inner if isinstance(inner, list) else [inner]
    if not all(isinstance(check, str) for check in checks):
        raise Invalid(f"the policy rule {name} has a list with something in it that is no text: write `name: check`")
    return checks
