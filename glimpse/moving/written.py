"""A translation as people read it: the settings file with its comments, and the report."""

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from glimpse.moving.outcome import Kind, Outcome
from glimpse.settings import Section, Settings, Store, toml

WIDTH = 116


def as_toml(outcome: Outcome, name: str) -> str:
    """Return the settings file; `name` is that of the file it was made from."""
    head = f"# Made by `glimpse config convert` from {name}. docs/moving.md says what to do next."
    first = _comments(outcome, Kind.FIRST)
    tables = [list(table) for table in _tables(outcome)]
    others = [_comments(outcome, kind) for kind in Kind if kind is not Kind.FIRST]
    return "\n\n".join("\n".join(part) for part in [[head], first, *tables, *others] if part) + "\n"


def as_report(outcome: Outcome) -> str:
    """Return what the operator has to know, the most urgent first; each thing is a line."""
    lines = []
    for kind in Kind:
        notes = [note for note in outcome.notes if note.kind is kind]
        lines += [f"{kind.value}:"] * bool(notes)
        lines += [f"  {note.about}: {note.text}" for note in notes]
    return "\n".join(lines) + "\n"


def _comments(outcome: Outcome, kind: Kind) -> list[str]:
    notes = [note for note in outcome.notes if note.kind is kind]
    lines = [f"# {kind.value}:"] * bool(notes)
    for note in notes:
        lines += textwrap.wrap(
            f"{note.about}: {note.text}",
            WIDTH,
            initial_indent="#   ",
            subsequent_indent="#     ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def _tables(outcome: Outcome) -> Iterator[Iterator[str]]:
    """Yield the settings in the order of the page of settings, but those without a table first."""
    kinds = {name.rstrip("_"): field.annotation for name, field in Settings.model_fields.items()}
    yield (_line(outcome, (name,), value) for name, value in outcome.tree.items() if not isinstance(value, Mapping))
    for section, kind in kinds.items():
        said = outcome.tree.get(section)
        if section == "stores":
            yield from (_table(outcome, (section, store), inside, Store) for store, inside in (said or {}).items())
        elif isinstance(said, Mapping) and isinstance(kind, type) and issubclass(kind, Section):
            yield _table(outcome, (section,), said, kind)


def _table(outcome: Outcome, path: tuple[str, ...], inside: Mapping[str, Any], kind: type[Section]) -> Iterator[str]:
    yield f"[{'.'.join(toml.key(name) for name in path)}]{_origin(outcome, path)}"
    for name in kind.model_fields:
        if name in inside:
            yield _line(outcome, (*path, name), inside[name])


def _line(outcome: Outcome, path: tuple[str, ...], value: Any) -> str:
    return f"{toml.key(path[-1])} = {toml.written(value)}{_origin(outcome, path)}"


def _origin(outcome: Outcome, path: tuple[str, ...]) -> str:
    origin = outcome.origins.get(path)
    return f"  # {origin}" if origin else ""
