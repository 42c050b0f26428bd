"""docs/configuration.md: every setting, with its default and what it means, from `glimpse/settings`."""

import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from glimpse.settings import Section, Settings, live, toml

BEGINNING = """\
# Configuration

Made by `make schemas` from `glimpse/settings`; do not edit it by hand.

A setting is looked for, later ones winning: in a TOML file (`--config FILE`, or the one that `GLIMPSE_CONFIG` names),
in the environment (`GLIMPSE_<SECTION>__<NAME>`, for example `GLIMPSE_API__PORT=9292`), and on the command line
(`--set api.port=9292`). With `_FILE` behind its name, a variable says which file has the value
(`GLIMPSE_POSTGRES__DSN_FILE=/run/secrets/dsn`). A name that does not exist stops the start, as a wrong value does.

`glimpse up` lays all of that over defaults of its own and writes the outcome to `glimpse.toml` in its data directory.
Commands for operators (`glimpse db`, `glimpse events` ...) read that of the default data directory when nobody names
another; the services never do.

```toml
default_store = "disks"

[api]
port = 9292

[stores.disks]
paths = [{ path = "/srv/images" }]
```
"""


def page() -> str:
    """Return the whole page as Markdown."""
    return "\n".join([BEGINNING, _of_what_may_change(), *_of_the_top(), *_of_the_sections()])


def _of_what_may_change() -> str:
    names = " and ".join(f"`{name}`" for name in sorted(live.LIVE))
    return (
        f"On SIGHUP a service reads its settings again: {names} change at once, and what is\n"
        "on its way ends as it began. A line in the log names what needs a restart; wrong settings change nothing,\n"
        "and a line says why.\n"
    )


def _of_the_top() -> Iterator[str]:
    alone = {name: field for name, field in Settings.model_fields.items() if _section(field) is None}
    yield "## At the top\n"
    yield from _table(alone)


def _of_the_sections() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        section = _section(field)
        if section is None:
            continue
        called = name.rstrip("_") + (".<name>" if get_origin(field.annotation) is dict else "")
        yield f"## [{called}]\n"
        yield f"{section.__doc__}\n"
        yield from _table(section.model_fields)
        for part in _parts(section):
            yield f"Each of `{called}.{part[0]}` has:\n"
            yield from _table(part[1].model_fields)


def _table(fields: dict[str, FieldInfo]) -> Iterator[str]:
    yield "| setting | default | meaning |"
    yield "|---|---|---|"
    for name, field in fields.items():
        yield f"| `{name}` | {_default(field)} | {_meaning(field)} |"
    yield ""


def _section(field: FieldInfo) -> type[Section] | None:
    """Return the section that a setting at the top is, or is a table of."""
    return next((kind for kind in _kinds(field.annotation) if issubclass(kind, Section)), None)


def _parts(section: type[Section]) -> list[tuple[str, type[Section]]]:
    """Return the settings of a section that are lists of tables."""
    found = ((name, _section(field)) for name, field in section.model_fields.items())
    return [(name, part) for name, part in found if part is not None]


def _kinds(annotation: Any) -> list[type]:
    inner = [kind for part in get_args(annotation) for kind in _kinds(part)]
    return [annotation, *inner] if isinstance(annotation, type) and get_origin(annotation) is None else inner


def _meaning(field: FieldInfo) -> str:
    choices = [f"`{choice}`" for choice in _choices(field.annotation)]
    ending = f" One of {', '.join(choices)}." if len(choices) > 1 else ""
    return (field.description or "").replace("|", "\\|") + ending


def _choices(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if get_origin(annotation) in (Union, types.UnionType):
        return [choice for part in get_args(annotation) for choice in _choices(part)]
    return []


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    return "unset" if value is None else f"`{toml.written(value)}`"
