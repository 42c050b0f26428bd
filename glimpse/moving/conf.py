"""A configuration of the reference, option by option; what was asked for is remembered, and the rest is told."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from glimpse.moving import ini

DEFAULTS = {"bind_host": "0.0.0.0", "bind_port": "9292"}  # noqa: S104  # what the reference listens on, and quotes
TRUE = frozenset({"true", "1", "on", "yes"})
FALSE = frozenset({"false", "0", "off", "no"})


class Option(NamedTuple):
    """The name of an option."""

    group: str
    name: str

    def __str__(self) -> str:
        return self.name if self.group == "DEFAULT" else f"[{self.group}] {self.name}"


class Conf:
    """The options of a file; those in [DEFAULT] need no group."""

    def __init__(self, groups: ini.Groups) -> None:
        self._groups = groups
        self._asked: set[Option] = set()

    @classmethod
    def read(cls, path: Path) -> "Conf":
        """Read a file. Raises Invalid with one line when that can not be done."""
        return cls(ini.read(path))

    @property
    def groups(self) -> Mapping[str, Mapping[str, list[str]]]:
        """Everything that was said, as it was said."""
        return self._groups

    def all(self, name: str, group: str = "DEFAULT") -> list[str]:
        """Return every value of an option, in order."""
        self._asked.add(Option(group, name))
        said = self._groups.get(group, {}).get(name, [])
        return [ini.replaced(value, group, self._groups, DEFAULTS) for value in said]

    def text(self, name: str, group: str = "DEFAULT") -> str | None:
        """Return the value of an option, the last one when there are several; None when it is empty or not said."""
        return next((value for value in reversed(self.all(name, group)) if value), None)

    def flag(self, name: str, group: str = "DEFAULT", *, default: bool = False) -> bool:
        """Return whether something is on."""
        value = (self.text(name, group) or "").lower()
        return value in TRUE if value in TRUE | FALSE else default

    def words(self, name: str, group: str = "DEFAULT") -> list[str] | None:
        """Return the items of a list, in brackets and quotes or not; None when there is none."""
        values = self.all(name, group)
        return items(values[-1]) if values else None

    def ask(self, name: str, group: str = "DEFAULT") -> None:
        """Remember that an option was dealt with."""
        self._asked.add(Option(group, name))

    def left(self) -> Iterator[Option]:
        """Yield the options that nobody asked for."""
        for group, options in self._groups.items():
            for name in options:
                if Option(group, name) not in self._asked:
                    yield Option(group, name)


def items(text: str) -> list[str]:
    """Split a list as oslo.config writes it."""
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
    return [item.strip().strip("'\"") for item in inner.replace("\n", ",").split(",") if item.strip()]
