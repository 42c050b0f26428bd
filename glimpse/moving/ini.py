"""Files as oslo.config reads them: an option may be given several times, and a value may quote another (`$name`)."""

import configparser
import string
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from glimpse.errors import Invalid

NO_SECTION = "\0"
"""No name that a section can have: [DEFAULT] is a group like any other here."""

AGAIN = "\x1e"
DEPTH = 8
"""How often quotes are followed; then they run in a circle."""

QUOTES = ("'", '"')

Groups = Mapping[str, Mapping[str, list[str]]]
"""Every value of every option, by group and name."""


def read(path: Path) -> Groups:
    """Read a file. Raises Invalid with one line when that can not be done."""
    parser = configparser.RawConfigParser(
        dict_type=_Repeating, strict=False, default_section=NO_SECTION, empty_lines_in_values=False
    )
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their letters
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise Invalid(f"can not read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise Invalid(f"can not read {path}: it is not text in UTF-8") from None
    except configparser.MissingSectionHeaderError as error:
        raise Invalid(f"can not read {path}: line {error.lineno} stands before any [section]") from None
    except configparser.ParsingError as error:
        lines = ", ".join(str(number) for number, _line in error.errors)
        raise Invalid(f"can not read {path}: no option = value in line {lines}") from None
    return {group: {name: _values(text) for name, text in parser.items(group)} for group in parser.sections()}


def replaced(text: str, group: str, groups: Groups, defaults: Mapping[str, str], depth: int = DEPTH) -> str:
    """Return a value with what it quotes put in; what nobody said stays as it is written."""
    if depth == 0:
        return text
    escaped = text.replace(r"\$", "$$")
    return _Quoting(escaped).safe_substitute(_Quoted(group, groups, defaults, depth))


class _Quoting(string.Template):
    idpattern = r"[_a-z][._a-z0-9]*"


class _Quoted(dict[str, str]):
    """What `$name` and `$group.name` stand for: the same group first, then [DEFAULT], then what is so by itself."""

    def __init__(self, group: str, groups: Groups, defaults: Mapping[str, str], depth: int) -> None:
        super().__init__()
        self._group, self._groups, self._defaults, self._depth = group, groups, defaults, depth

    def __missing__(self, name: str) -> str:
        group, dot, inner = name.partition(".")
        places = [(group, inner)] if dot else [(self._group, name), ("DEFAULT", name)]
        for group, option in places:
            if values := self._groups.get(group, {}).get(option):
                return replaced(values[-1], group, self._groups, self._defaults, self._depth - 1)
        return self._defaults[name]


class _Repeating(dict[str, Any]):
    """Keeps every value of an option that is given several times; the parser hands each over as a list of lines."""

    def __setitem__(self, key: str, value: Any) -> None:
        if isinstance(value, list) and isinstance(self.get(key), list):
            self[key].extend([f"{AGAIN}{line}" for line in value])
        else:
            super().__setitem__(key, value)


def _values(text: str) -> list[str]:
    return [_unquoted(value.strip()) for value in text.split(f"\n{AGAIN}")]


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value.startswith(QUOTES) else value
