"""Tags of a namespace: make them, one or many, look at them, rename them, let them go (section 7 of the contract)."""

from collections.abc import Sequence

from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, Invalid, NotFound
from schemas.metadef_events import TagCreated, TagDeleted, TagsDeleted, TagUpdated
from schemas.metadefs import LONGEST_NAME
from services.api import metadef_view as view
from services.api.actions.metadefs import naming, seeing
from services.api.caller import Caller
from services.api.metadef_filters import TagsWanted
from services.api.ports import Ports
from services.api.queries.metadefs import listing, tags
from services.api.queries.metadefs.namespaces import Namespace
from services.api.queries.metadefs.tags import Tag


async def list_tags(ports: Ports, caller: Caller, namespace_name: str, wanted: TagsWanted) -> list[Tag]:
    """Look at the tags of a namespace (MD-83)."""
    async with ports.database.reading() as reader:
        namespace = await seeing.find(reader, caller, namespace_name)
        seeing.require(ports, caller, "get_metadef_tags", namespace)
        after = None
        if wanted.marker is not None:
            after = _there(wanted.marker, await tags.find(reader, namespace.id, wanted.marker)).id
        return await listing.list_tags(reader, namespace.id, wanted, after)


async def show(ports: Ports, caller: Caller, namespace_name: str, name: str) -> Tag:
    """Look at one tag (MD-81)."""
    async with ports.database.reading() as reader:
        namespace = await seeing.find(reader, caller, namespace_name)
        seeing.require(ports, caller, "get_metadef_tag", namespace)
        return _there(name, await tags.find(reader, namespace.id, name))


async def create(ports: Ports, caller: Caller, namespace_name: str, name: str) -> Tag:
    """Make one tag; its name is looked at before the rules are (MD-12, MD-80)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        if len(name) > LONGEST_NAME:
            raise Invalid(f"a tag has at most {LONGEST_NAME} characters; this one has {len(name)}")
        seeing.require(ports, caller, "add_metadef_tag", namespace)
        made = await add(tx, namespace, [name])
    return made[0]


async def create_many(
    ports: Ports, caller: Caller, namespace_name: str, names: Sequence[str], *, is_appending: bool
) -> None:
    """Make many tags, beside those there are or in their place; protected or not (MD-82, MD-25)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "add_metadef_tags", namespace)
        if not names:  # then nothing is in anybody's place
            return
        if not is_appending:
            await _empty(tx, namespace)
        await add(tx, namespace, names)


async def update(ports: Ports, caller: Caller, namespace_name: str, name: str, wanted: str) -> Tag:
    """Give a tag another name (MD-81)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "modify_metadef_tag", namespace)
        before = _there(name, await tags.find(tx, namespace.id, name))
        if wanted != name and await tags.find(tx, namespace.id, wanted) is not None:
            raise Conflict(_taken(namespace, wanted))
        changed = await change(tx, namespace, [before], [wanted])
    return changed[0]


async def delete(ports: Ports, caller: Caller, namespace_name: str, name: str) -> None:
    """Delete one tag (MD-81)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "delete_metadef_tag", namespace)
        found = _there(name, await tags.find(tx, namespace.id, name))
        seeing.refuse_protected(namespace, "tag", name)
        await tags.delete(tx, namespace.id, name)
        await tx.emit(TagDeleted(subject=namespace.namespace, tag=view.tag(found)))


async def delete_all(ports: Ports, caller: Caller, namespace_name: str) -> None:
    """Delete every tag of a namespace (MD-43)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "delete_metadef_namespace", namespace)
        seeing.require(ports, caller, "delete_metadef_tags", namespace)
        seeing.refuse_protected(namespace, "namespace", namespace.namespace)
        await _empty(tx, namespace)


async def add(tx: Transaction, namespace: Namespace, wanted: Sequence[str], *, is_loaded: bool = False) -> list[Tag]:
    """Put tags into a namespace that is held. Raises Conflict when one is there already."""
    if not wanted:
        return []
    made = await tags.insert(tx, namespace.id, wanted, is_loaded=is_loaded)
    if len(made) < len(wanted):
        raise Conflict(_taken(namespace, naming.taken(wanted, (each.name for each in made))))
    for each in made:
        await tx.emit(TagCreated(subject=namespace.namespace, tag=view.tag(each)))
    return made


async def change(tx: Transaction, namespace: Namespace, before: Sequence[Tag], wanted: Sequence[str]) -> list[Tag]:
    """Rename tags of a namespace that is held; returns them in the order they were given in."""
    written = await tags.update(tx, namespace.id, [each.name for each in before], wanted)
    by_name = {each.name: each for each in written}
    changed = [by_name[name] for name in wanted]
    for was, now in zip(before, changed, strict=True):
        shown = view.tag(now)
        previous = view.difference(view.tag(was), shown)
        await tx.emit(TagUpdated(subject=namespace.namespace, tag=shown, previous=previous))
    return changed


async def _empty(tx: Transaction, namespace: Namespace) -> None:
    gone = await tags.delete_all(tx, namespace.id)
    if gone:
        await tx.emit(TagsDeleted(subject=namespace.namespace, names=gone))


def _there(name: str, found: Tag | None) -> Tag:
    if found is None:
        raise NotFound(f"Could not find metadata tag {name}")
    return found


def _taken(namespace: Namespace, name: str) -> str:
    return f"A metadata tag with name={name} already exists in namespace={namespace.namespace}."
