"""Bring definitions from files into the catalogue: each file in one transaction (section 10 of the contract)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from glimpse.database.pool import Actor, Database, Transaction
from glimpse.errors import Conflict, GlimpseError, Invalid, Unavailable
from schemas import metadefs
from schemas.metadef_events import NamespaceCreated, NamespaceDeleted, NamespaceUpdated
from services.api import definition_files
from services.api import metadef_view as view
from services.api.actions.metadefs import associations, merging, naming, objects, properties, tags
from services.api.queries.metadefs import namespaces, resource_types
from services.api.queries.metadefs.namespaces import Namespace

OPERATOR = Actor(service="command line")


class Manner(StrEnum):
    """What becomes of a namespace that is there already (MD-103)."""

    KEEP = "keep"
    MERGE = "merge"
    PREFER_NEW = "prefer_new"
    OVERWRITE = "overwrite"


class Outcome(StrEnum):
    """What became of a namespace."""

    ADDED = "added"
    UPDATED = "updated"
    SKIPPED = "skipped"
    FAILED = "failed"
    WRITTEN = "written"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a report."""

    namespace: str | None
    file: str
    outcome: Outcome
    detail: str


def manner(*, merge: bool, prefer_new: bool, overwrite: bool) -> Manner:
    """Return what a set of options asks for. Raises Invalid for one that makes no sense (MD-103)."""
    if prefer_new and overwrite:
        raise Invalid("--prefer_new keeps what is not in a file, --overwrite does not: choose one of them")
    if (prefer_new or overwrite) and not merge:
        raise Invalid("--prefer_new and --overwrite say how to merge: add --merge")
    if not merge:
        return Manner.KEEP
    return Manner.PREFER_NEW if prefer_new else Manner.OVERWRITE if overwrite else Manner.MERGE


async def fill_once(database: Database) -> int:
    """Bring in the definitions that come with Glimpse: all or nothing, and once in the life of a database.

    Returns how many namespaces were made. Later it is one question, and an operator who unloaded them is rid of them.
    """
    async with database.reading() as reader:
        if await namespaces.were_filled(reader):
            return 0
    async with database.transaction(OPERATOR) as tx:
        if not await namespaces.mark_filled(tx):
            return 0
        files = [definition_files.read(path) for path in definition_files.find(definition_files.SHIPPED)]
        return [(await _put(tx, file, Manner.KEEP))[0] for file in files].count(Outcome.ADDED)


async def load(database: Database, path: Path, how: Manner) -> Line:
    """Load one file, all of it or nothing; a file that can not be loaded is said to be so. Raises Unavailable."""
    name = None
    try:
        file = definition_files.read(path)
        name = file["namespace"]
        async with database.transaction(OPERATOR) as tx:
            outcome, detail = await _put(tx, file, how)
    except Unavailable:
        raise
    except GlimpseError as error:
        return Line(name, str(path), Outcome.FAILED, error.message)
    return Line(name, str(path), outcome, detail)


async def unload(database: Database) -> list[str]:
    """Empty the catalogue, whoever made what is in it, protected or not; returns what was there (MD-106)."""
    async with database.transaction(OPERATOR) as tx:
        gone = await namespaces.delete_all(tx)
        await resource_types.hold_still(tx)
        await resource_types.delete_unused(tx)
        for each in gone:
            await tx.emit(NamespaceDeleted(subject=each.namespace, namespace=view.namespace(each)))
    return [each.namespace for each in gone]


async def _put(tx: Transaction, file: metadefs.File, how: Manner) -> tuple[Outcome, str]:
    made = await namespaces.insert(tx, definition_files.own_fields(file), is_loaded=True)
    if made is not None:
        return Outcome.ADDED, await _fill(tx, made, file)
    if how is Manner.KEEP:
        return Outcome.SKIPPED, "it is there already"
    namespace = (await namespaces.lock(tx, file["namespace"])).get(file["namespace"])
    if namespace is None:
        raise Conflict("somebody deletes it at the same time: load it again")
    if how is Manner.OVERWRITE:
        return Outcome.UPDATED, await _replace(tx, namespace, file)
    if how is Manner.PREFER_NEW:
        namespace = await _rewrite(tx, namespace, file)
    changes = await merging.merge(tx, namespace, file, is_newer=how is Manner.PREFER_NEW)
    if how is Manner.MERGE and not changes.added:
        return Outcome.SKIPPED, "everything in it is there already"
    return Outcome.UPDATED, str(changes)


async def _fill(tx: Transaction, namespace: Namespace, file: metadefs.File) -> str:
    """Put everything a file has into a new namespace, and tell of it."""
    await tx.emit(NamespaceCreated(subject=namespace.namespace, namespace=view.namespace(namespace)))
    made: dict[str, Sequence[object]] = {
        "associations": await associations.add(tx, namespace, definition_files.associations_in(file), is_loaded=True),
        "objects": await objects.add(tx, namespace, definition_files.objects_in(file), is_loaded=True),
        "tags": await tags.add(tx, namespace, definition_files.tags_in(file), is_loaded=True),
        "properties": await properties.add(tx, namespace, file.get("properties") or {}, is_loaded=True),
    }
    return naming.counted({kind: len(each) for kind, each in made.items()}) or "nothing in it"


async def _replace(tx: Transaction, namespace: Namespace, file: metadefs.File) -> str:
    """Put a new namespace in the place of one that is held; whether that was protected does not matter (MD-103)."""
    await namespaces.delete(tx, namespace.id)
    await tx.emit(NamespaceDeleted(subject=namespace.namespace, namespace=view.namespace(namespace)))
    made = await namespaces.insert(tx, definition_files.own_fields(file), is_loaded=True)
    if made is None:
        raise Conflict("somebody makes it at the same time: load it again")
    return f"replaced by {await _fill(tx, made, file)}"


async def _rewrite(tx: Transaction, namespace: Namespace, file: metadefs.File) -> Namespace:
    """Write a namespace's own fields as a file has them; what the file does not say is unknown from now on."""
    after = await namespaces.update(tx, namespace.id, definition_files.own_fields(file))
    shown = view.namespace(after)
    previous = view.difference(view.namespace(namespace), shown)
    await tx.emit(NamespaceUpdated(subject=after.namespace, namespace=shown, previous=previous))
    return after
