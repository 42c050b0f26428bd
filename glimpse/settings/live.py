"""What may change while a process runs; for everything else it has to be started again."""

from typing import Any

from glimpse.settings.leaves import leaves
from glimpse.settings.settings import Settings

LIVE = frozenset({"images.hashing_algorithm", "log.level"})


def values(settings: Settings) -> dict[str, Any]:
    """Return the values of what may change, by name."""
    return {leaf.name: leaf.value for leaf in leaves(settings) if leaf.name in LIVE}


def changed(settings: Settings, new: dict[str, Any]) -> Settings:
    """Return settings with other values of what may change; they come from settings that were judged."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in new.items():
        section, _, setting = name.partition(".")
        sections.setdefault(section, {})[setting] = value
    return settings.model_copy(
        update={name: getattr(settings, name).model_copy(update=update) for name, update in sections.items()}
    )
