"""What comes of a translation: settings that load, where each came from, and what had to be said about the rest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from glimpse import settings
from glimpse.moving.conf import Option


class Kind(Enum):
    """What a note is about; its value is the heading it stands under."""

    FIRST = "Before you start"
    OTHERWISE = "Means something else here"
    MISSING = "Glimpse does not do this (yet)"
    RETIRED = "Has no effect in the reference either, or needs no setting here"
    UNKNOWN = "Not known, and left out"


@dataclass(frozen=True)
class Note:
    """Something to know about an option."""

    kind: Kind
    about: str
    text: str


@dataclass
class Outcome:
    """Settings, as a file would have them, and notes."""

    tree: dict[str, Any] = field(default_factory=dict)
    origins: dict[tuple[str, ...], str] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)

    def put(self, name: str, value: Any, origin: object) -> bool:
        """Take a setting over, by its dotted name; what no settings file could say is noted instead."""
        tree: Any = value
        for part in reversed(name.split(".")):
            tree = {part: tree}
        return self.put_all(tree, {tuple(name.split(".")): origin}, origin)

    def put_all(self, tree: Mapping[str, Any], origins: Mapping[tuple[str, ...], object], about: object) -> bool:
        """Take over settings that only make sense together."""
        together = settings.merged(self.tree, tree)
        if problems := settings.problems(together):
            self.note(Kind.FIRST, about, f"was left out: {problems[0]}")
            return False
        self.tree = together
        self.origins |= {path: str(origin) for path, origin in origins.items()}
        return True

    def note(self, kind: Kind, about: object, text: str) -> None:
        """Remember something to tell; the same thing only once."""
        note = Note(kind, str(about), text)
        if note not in self.notes:
            self.notes.append(note)

    def note_option(self, kind: Kind, name: str, text: str, group: str = "DEFAULT") -> None:
        """Remember something to tell about an option."""
        self.note(kind, Option(group, name), text)
