"""What an import says on its image, in the service's properties: who holds it, where it goes to, what failed.

A store is among the failed from the end of the import that failed to fill it until another import names it (IMG-493).
"""

from collections.abc import Iterable, Mapping

LOCK = "os_glance_import_task"
IMPORTING_TO = "os_glance_importing_to_stores"
FAILED = "os_glance_failed_import"
ERROR = "os_glimpse_import_error"
SOURCE = "os_glimpse_source_"
"""What the names begin with that tell of bytes which are not stored as they came (IMG-723)."""


def begun(told: Mapping[str, str], task_id: str, stores: Iterable[str]) -> dict[str, str]:
    """Lock an image for a task that is to fill these stores (IMG-202 to IMG-204)."""
    stores = sorted(stores)
    return forgotten(told, stores) | {LOCK: task_id, IMPORTING_TO: ",".join(stores)}


def forgotten(told: Mapping[str, str], stores: Iterable[str]) -> dict[str, str]:
    """Take these stores out of those that failed."""
    return {**told, FAILED: _listed(_names(told, FAILED) - set(stores))}


def ended(told: Mapping[str, str], failed: Iterable[str]) -> dict[str, str]:
    """Unlock an image after an import that could not fill these stores."""
    return unlocked(told) | {IMPORTING_TO: "", FAILED: _listed(_names(told, FAILED) | set(failed))}


def unlocked(told: Mapping[str, str]) -> dict[str, str]:
    """Unlock an image after a task that filled no stores."""
    return {name: value for name, value in told.items() if name != LOCK}


def is_locked_by(told: Mapping[str, str], task_id: str) -> bool:
    """Say whether an image is a task's to change; another one may have taken it over (IMG-490)."""
    return told.get(LOCK, task_id) == task_id


def given_up(told: Mapping[str, str]) -> dict[str, str]:
    """Unlock an image that nobody imports into any more: what that import did not do, it failed to do (IMG-202)."""
    return ended(told, _names(told, IMPORTING_TO))


def _names(told: Mapping[str, str], name: str) -> set[str]:
    return set(told.get(name, "").split(",")) - {""}


def _listed(stores: Iterable[str]) -> str:
    return ",".join(sorted(stores))
