"""Bring a file into a namespace that is there: what it lacks is added, and what it has may be written anew (MD-103)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from glimpse.database.pool import Transaction
from schemas import metadefs
from services.api import definition_files
from services.api.actions.metadefs import associations, contents, naming, objects, properties, tags
from services.api.queries.metadefs import resource_types
from services.api.queries.metadefs.associations import Association
from services.api.queries.metadefs.namespaces import Namespace
from services.api.queries.metadefs.objects import Object
from services.api.queries.metadefs.properties import Property
from services.api.queries.metadefs.tags import Tag


class Named(Protocol):
    """Something in a namespace."""

    @property
    def name(self) -> str:
        """What it is called there."""
        ...


R = TypeVar("R", bound=Named)
W = TypeVar("W")


@dataclass
class Changes:
    """How many things of each kind a file added, and how many it wrote anew."""

    added: dict[str, int] = field(default_factory=dict)
    updated: dict[str, int] = field(default_factory=dict)

    def note(self, kind: str, added: int, kept: int, *, is_newer: bool) -> None:
        """Count things of one kind; those that were there were written anew where the file is the newer one."""
        if added:
            self.added[kind] = added
        if kept and is_newer:
            self.updated[kind] = kept

    def __str__(self) -> str:
        verbs = {"added": self.added, "updated": self.updated}
        return "; ".join(f"{verb} {naming.counted(each)}" for verb, each in verbs.items() if each)


async def merge(tx: Transaction, namespace: Namespace, file: metadefs.File, *, is_newer: bool) -> Changes:
    """Put into a namespace that is held what it lacks; write what it has anew where the file is the newer of the two.

    What is not in the file stays.
    """
    there = await contents.read(tx, namespace)
    changes = Changes()
    counted = {
        "associations": await _associations(tx, namespace, there.associations, file, is_newer=is_newer),
        "objects": await _objects(tx, namespace, there.objects, file, is_newer=is_newer),
        "tags": await _tags(tx, namespace, there.tags, file, is_newer=is_newer),
        "properties": await _properties(tx, namespace, there.properties, file, is_newer=is_newer),
    }
    for kind, (added, kept) in counted.items():
        changes.note(kind, added, kept, is_newer=is_newer)
    return changes


async def _associations(
    tx: Transaction, namespace: Namespace, there: Sequence[Association], file: metadefs.File, *, is_newer: bool
) -> tuple[int, int]:
    wanted = {each["name"]: each for each in definition_files.associations_in(file)}
    kept, new = _split(there, wanted)
    if is_newer and wanted:
        await resource_types.hold_still(tx)
        await resource_types.touch(tx, list(wanted))
        await associations.change(tx, namespace, kept, [wanted[each.name] for each in kept])
    await associations.add(tx, namespace, list(new.values()), is_loaded=True)
    return len(new), len(kept)


async def _objects(
    tx: Transaction, namespace: Namespace, there: Sequence[Object], file: metadefs.File, *, is_newer: bool
) -> tuple[int, int]:
    wanted = {each["name"]: each for each in definition_files.objects_in(file)}
    kept, new = _split(there, wanted)
    if is_newer:  # a file says nothing of what objects require: that stays
        rewritten = [metadefs.Object(**{**wanted[each.name], "required": each.required}) for each in kept]
        await objects.change(tx, namespace, kept, rewritten)
    await objects.add(tx, namespace, list(new.values()), is_loaded=True)
    return len(new), len(kept)


async def _tags(
    tx: Transaction, namespace: Namespace, there: Sequence[Tag], file: metadefs.File, *, is_newer: bool
) -> tuple[int, int]:
    kept, new = _split(there, dict.fromkeys(definition_files.tags_in(file)))
    if is_newer:
        await tags.change(tx, namespace, kept, [each.name for each in kept])
    await tags.add(tx, namespace, list(new), is_loaded=True)
    return len(new), len(kept)


async def _properties(
    tx: Transaction, namespace: Namespace, there: Sequence[Property], file: metadefs.File, *, is_newer: bool
) -> tuple[int, int]:
    wanted = file.get("properties") or {}
    kept, new = _split(there, wanted)
    if is_newer:
        await properties.change(tx, namespace, kept, {each.name: wanted[each.name] for each in kept})
    await properties.add(tx, namespace, new, is_loaded=True)
    return len(new), len(kept)


def _split(there: Sequence[R], wanted: Mapping[str, W]) -> tuple[list[R], dict[str, W]]:
    """Return those things that are both there and wanted, and what is wanted and not there."""
    kept = [each for each in there if each.name in wanted]
    names = {each.name for each in kept}
    return kept, {name: each for name, each in wanted.items() if name not in names}
