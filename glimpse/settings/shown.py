"""The settings in force, for people and for programs, each with where it comes from; secrets are left out."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from pydantic_core import to_jsonable_python

from glimpse.settings import toml
from glimpse.settings.leaves import Leaf, leaves
from glimpse.settings.settings import Settings
from glimpse.settings.sources import Layers


def as_toml(settings: Settings, layers: Layers) -> str:
    """Return a settings file that says what is in force, secrets apart."""
    return "\n".join(_lines(settings, layers)) + "\n"


def as_tree(settings: Settings, layers: Layers) -> dict[str, Any]:
    """Return each setting as `{"value": ..., "from": ...}`, nested as in a settings file; secrets have no value."""
    tree: dict[str, Any] = {}
    for leaf in leaves(settings):
        table = tree
        for name in leaf.path[:-1]:
            table = table.setdefault(name, {})
        said: dict[str, Any] = {"from": layers.origin(leaf.path)}
        said |= {"secret": True} if leaf.is_secret else {"value": to_jsonable_python(leaf.value)}
        table[leaf.path[-1]] = said
    return tree


def _lines(settings: Settings, layers: Layers) -> Iterator[str]:
    yield f"# file: {layers.file or 'none'}"
    alone = [leaf for leaf in leaves(settings) if len(leaf.path) == 1]
    yield from (_line(leaf, layers) for leaf in alone)
    in_tables = (leaf for leaf in leaves(settings) if len(leaf.path) > 1)
    for table, inside in groupby(in_tables, key=lambda leaf: leaf.path[:-1]):
        yield ""
        yield f"[{'.'.join(toml.key(name) for name in table)}]"
        yield from (_line(leaf, layers) for leaf in inside)


def _line(leaf: Leaf, layers: Layers) -> str:
    origin, name = layers.origin(leaf.path), toml.key(leaf.path[-1])
    if leaf.is_secret:
        return f"# {name} is a secret  # {origin}"
    if leaf.value is None:
        return f"# {name} is unset  # {origin}"
    return f"{name} = {toml.written(leaf.value)}  # {origin}"
