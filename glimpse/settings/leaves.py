"""Every setting in force, one by one, by the name that it has in a settings file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import SecretStr

from glimpse.settings.section import Section
from glimpse.settings.settings import Settings


@dataclass(frozen=True)
class Leaf:
    """A setting, and its value."""

    path: tuple[str, ...]
    value: Any

    @property
    def name(self) -> str:
        """As `--set` has it."""
        return ".".join(self.path)

    @property
    def is_secret(self) -> bool:
        """Whether nobody is to read it."""
        return isinstance(self.value, SecretStr)


def leaves(settings: Settings) -> Iterator[Leaf]:
    """Yield every setting, sections in their order."""
    yield from _of(settings, ())


def differing(old: Settings, new: Settings) -> list[str]:
    """Return the names of the settings that differ, those of stores that came or went among them."""
    before = {leaf.name: leaf.value for leaf in leaves(old)}
    after = {leaf.name: leaf.value for leaf in leaves(new)}
    names = [*after, *(name for name in before if name not in after)]
    return [name for name in names if name not in before or name not in after or before[name] != after[name]]


def _of(fields: Iterable[tuple[str, Any]], above: tuple[str, ...]) -> Iterator[Leaf]:
    for name, value in fields:
        path = (*above, name.rstrip("_"))
        if isinstance(value, Section):
            yield from _of(value, path)
        elif isinstance(value, Mapping):
            yield from _of(value.items(), path)
        else:
            yield Leaf(path, value)
