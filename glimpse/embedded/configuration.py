"""The settings of everything in one place: what holds when nobody says otherwise, and the file it is written to."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from glimpse import settings
from glimpse.embedded.directory import Directory
from glimpse.errors import Unavailable

BEGINNING = """\
# Written by `glimpse up` at each start, from its options, its --config and the environment; changes made here are lost.
# Commands that are run beside it find its database by this file: glimpse db current --config FILE
"""
DRAIN_SECONDS = 5
"""How long transfers may go on when somebody wants to stop it, who is likely to sit there and wait."""


def complete(home: Directory, stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return what was stated with our own defaults below; the database is not among them."""
    return settings.merged(_defaults(home, with_stores="stores" not in stated), stated)


def write(path: Path, tree: Mapping[str, Any]) -> None:
    """Put settings in a file of ours alone: there may be a password in them. Raises Unavailable."""
    half = path.with_name(f"{path.name}.half")
    try:
        half.unlink(missing_ok=True)
        with open(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(BEGINNING + "".join(_table((), tree)))
        os.replace(half, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            half.unlink(missing_ok=True)
        raise Unavailable(f"can not write {path}: {error.strerror}") from None


def _defaults(home: Directory, *, with_stores: bool) -> dict[str, Any]:
    stores = {
        "default_store": "fast",
        "stores": {
            "fast": {"paths": [{"path": str(home.images / "fast")}], "description": "Where images go"},
            "cheap": {"paths": [{"path": str(home.images / "cheap")}], "description": "Where copies go"},
        },
    }
    return (stores if with_stores else {}) | {
        "api": {"host": "127.0.0.1", "port": 9292, "drain_seconds": DRAIN_SECONDS},
        "staging": {"paths": [{"path": str(home.images / "staging")}]},
        "import": {"scratch_dir": str(home.images / "scratch")},
        "scrubber": {"delayed_delete": True},
        "auth": {"mode": "none", "none_project": "local"},
        "log": {"format": "console" if sys.stderr.isatty() else "json"},
    }


def _table(path: tuple[str, ...], tree: Mapping[str, Any]) -> Iterator[str]:
    """Write a table and the tables in it: first what belongs to it alone, as TOML wants it."""
    values = {name: value for name, value in tree.items() if value is not None and not isinstance(value, Mapping)}
    if values and path:
        yield f"\n[{'.'.join(map(_key, path))}]\n"
    for name, value in values.items():
        yield f"{_key(name)} = {_value(value)}\n"
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _table((*path, name), value)


def _value(value: Any) -> str:
    match value:
        case Mapping():
            return "{ " + ", ".join(f"{_key(name)} = {_value(each)}" for name, each in value.items()) + " }"
        case list() | tuple():
            return f"[{', '.join(map(_value, value))}]"
        case bool():
            return str(value).lower()
        case int() | float():
            return repr(value)
        case _:
            return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if plain else json.dumps(name, ensure_ascii=False).replace("\x7f", "\\u007f")
