"""Objects of a namespace: make them, look at them, change them, let them go (section 6 of the contract)."""

from collections.abc import Sequence

from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, NotFound
from schemas import metadefs
from schemas.metadef_events import ObjectCreated, ObjectDeleted, ObjectsDeleted, ObjectUpdated
from services.api import metadef_view as view
from services.api.actions.metadefs import naming, seeing
from services.api.caller import Caller
from services.api.ports import Ports
from services.api.queries.metadefs import objects
from services.api.queries.metadefs.namespaces import Namespace
from services.api.queries.metadefs.objects import Object


async def list_objects(ports: Ports, caller: Caller, namespace_name: str) -> list[Object]:
    """Look at every object of a namespace (MD-73)."""
    async with ports.database.reading() as reader:
        namespace = await seeing.find(reader, caller, namespace_name)
        seeing.require(ports, caller, "get_metadef_objects", namespace)
        if not seeing.allows(ports, caller, "get_metadef_object", namespace):  # asked of every row (MD-10)
            return []
        return await objects.list_of(reader, namespace.id)


async def show(ports: Ports, caller: Caller, namespace_name: str, name: str) -> Object:
    """Look at one object (MD-74)."""
    async with ports.database.reading() as reader:
        namespace = await seeing.find(reader, caller, namespace_name)
        seeing.require(ports, caller, "get_metadef_object", namespace)
        return _there(name, await objects.find(reader, namespace.id, name))


async def create(ports: Ports, caller: Caller, namespace_name: str, wanted: metadefs.Object) -> Object:
    """Make an object (MD-71)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "add_metadef_object", namespace)
        made = await add(tx, namespace, [wanted])
    return made[0]


async def update(ports: Ports, caller: Caller, namespace_name: str, name: str, wanted: metadefs.Object) -> Object:
    """Write an object anew, with another name if need be (MD-74)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "modify_metadef_object", namespace)
        before = _there(name, await objects.find(tx, namespace.id, name))
        if wanted["name"] != name and await objects.find(tx, namespace.id, wanted["name"]) is not None:
            raise Conflict(_taken(namespace, wanted["name"]))
        changed = await change(tx, namespace, [before], [wanted])
    return changed[0]


async def delete(ports: Ports, caller: Caller, namespace_name: str, name: str) -> None:
    """Delete an object (MD-74)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "delete_metadef_object", namespace)
        found = _there(name, await objects.find(tx, namespace.id, name))
        seeing.refuse_protected(namespace, "object", name)
        await objects.delete(tx, namespace.id, name)
        await tx.emit(ObjectDeleted(subject=namespace.namespace, object=view.object_(namespace.namespace, found)))


async def delete_all(ports: Ports, caller: Caller, namespace_name: str) -> None:
    """Delete every object of a namespace (MD-43)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "delete_metadef_namespace", namespace)
        seeing.refuse_protected(namespace, "namespace", namespace.namespace)
        gone = await objects.delete_all(tx, namespace.id)
        if gone:
            await tx.emit(ObjectsDeleted(subject=namespace.namespace, names=gone))


async def add(
    tx: Transaction, namespace: Namespace, wanted: Sequence[metadefs.Object], *, is_loaded: bool = False
) -> list[Object]:
    """Put objects into a namespace that is held. Raises Conflict when a name is there already."""
    if not wanted:
        return []
    made = await objects.insert(tx, namespace.id, wanted, is_loaded=is_loaded)
    if len(made) < len(wanted):
        raise Conflict(_taken(namespace, naming.taken((each["name"] for each in wanted), (each.name for each in made))))
    for each in made:
        await tx.emit(ObjectCreated(subject=namespace.namespace, object=view.object_(namespace.namespace, each)))
    return made


async def change(
    tx: Transaction, namespace: Namespace, before: Sequence[Object], wanted: Sequence[metadefs.Object]
) -> list[Object]:
    """Write objects of a namespace that is held anew; returns them in the order they were given in."""
    written = await objects.update(tx, namespace.id, [each.name for each in before], wanted)
    by_name = {each.name: each for each in written}
    changed = [by_name[each["name"]] for each in wanted]
    for was, now in zip(before, changed, strict=True):
        shown = view.object_(namespace.namespace, now)
        previous = view.difference(view.object_(namespace.namespace, was), shown)
        await tx.emit(ObjectUpdated(subject=namespace.namespace, object=shown, previous=previous))
    return changed


def _there(name: str, found: Object | None) -> Object:
    if found is None:
        raise NotFound(f"Could not find metadata object {name}")
    return found


def _taken(namespace: Namespace, name: str) -> str:
    return f"A metadata definition object with name={name} already exists in namespace={namespace.namespace}."
