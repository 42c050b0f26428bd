"""Properties of a namespace: make them, look at them, change them, let them go (section 5 of the contract)."""

from collections.abc import Mapping, Sequence

from glimpse.database.pool import Reader, Transaction
from glimpse.errors import Conflict, NotFound
from schemas import metadefs
from schemas.metadef_events import PropertiesDeleted, PropertyCreated, PropertyDeleted, PropertyUpdated
from schemas.metadefs import Definition
from services.api import metadef_view as view
from services.api.actions.metadefs import naming, seeing
from services.api.caller import Caller
from services.api.ports import Ports
from services.api.queries.metadefs import associations, properties
from services.api.queries.metadefs.namespaces import Namespace
from services.api.queries.metadefs.properties import Property


async def list_properties(ports: Ports, caller: Caller, namespace_name: str) -> list[Property]:
    """Look at every property of a namespace (MD-62)."""
    async with ports.database.reading() as reader:
        namespace = await seeing.find(reader, caller, namespace_name)
        seeing.require(ports, caller, "get_metadef_properties", namespace)
        return await properties.list_of(reader, namespace.id)


async def show(
    ports: Ports, caller: Caller, namespace_name: str, name: str, resource_type: str | None = None
) -> Property:
    """Look at one property; for a resource type, at the one that is called so there (MD-65)."""
    async with ports.database.reading() as reader:
        namespace = await seeing.find(reader, caller, namespace_name)
        seeing.require(ports, caller, "get_metadef_property", namespace)
        if resource_type is not None:
            seeing.require(ports, caller, "get_metadef_resource_type", namespace)
            name = await _without_prefix(reader, namespace, name, resource_type)
        return _there(name, await properties.find(reader, namespace.id, name))


async def create(ports: Ports, caller: Caller, namespace_name: str, wanted: metadefs.Property) -> Property:
    """Make a property (MD-61)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "add_metadef_property", namespace)
        made = await add(tx, namespace, {wanted["name"]: Definition(**wanted)})
    return made[0]


async def update(ports: Ports, caller: Caller, namespace_name: str, name: str, wanted: metadefs.Property) -> Property:
    """Write a property anew, with another name if need be (MD-66)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "modify_metadef_property", namespace)
        before = _there(name, await properties.find(tx, namespace.id, name))
        if wanted["name"] != name and await properties.find(tx, namespace.id, wanted["name"]) is not None:
            raise Conflict(_taken(namespace, wanted["name"]))
        changed = await change(tx, namespace, [before], {wanted["name"]: Definition(**wanted)})
    return changed[0]


async def delete(ports: Ports, caller: Caller, namespace_name: str, name: str) -> None:
    """Delete a property (MD-67)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "remove_metadef_property", namespace)
        found = _there(name, await properties.find(tx, namespace.id, name))
        seeing.refuse_protected(namespace, "property", name)
        await properties.delete(tx, namespace.id, name)
        await tx.emit(PropertyDeleted(subject=namespace.namespace, property=view.property_(found)))


async def delete_all(ports: Ports, caller: Caller, namespace_name: str) -> None:
    """Delete every property of a namespace (MD-43)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "delete_metadef_namespace", namespace)
        seeing.refuse_protected(namespace, "namespace", namespace.namespace)
        gone = await properties.delete_all(tx, namespace.id)
        if gone:
            await tx.emit(PropertiesDeleted(subject=namespace.namespace, names=gone))


async def add(
    tx: Transaction, namespace: Namespace, wanted: Mapping[str, Definition], *, is_loaded: bool = False
) -> list[Property]:
    """Put properties into a namespace that is held. Raises Conflict when a name is there already."""
    if not wanted:
        return []
    made = await properties.insert(tx, namespace.id, wanted, is_loaded=is_loaded)
    if len(made) < len(wanted):
        raise Conflict(_taken(namespace, naming.taken(wanted, (each.name for each in made))))
    for each in made:
        await tx.emit(PropertyCreated(subject=namespace.namespace, property=view.property_(each)))
    return made


async def change(
    tx: Transaction, namespace: Namespace, before: Sequence[Property], wanted: Mapping[str, Definition]
) -> list[Property]:
    """Write properties of a namespace that is held anew; returns them in the order they were given in."""
    written = await properties.update(tx, namespace.id, [each.name for each in before], wanted)
    by_name = {each.name: each for each in written}
    changed = [by_name[name] for name in wanted]
    for was, now in zip(before, changed, strict=True):
        shown = view.property_(now)
        previous = view.difference(view.property_(was), shown)
        await tx.emit(PropertyUpdated(subject=namespace.namespace, property=shown, previous=previous))
    return changed


async def _without_prefix(reader: Reader, namespace: Namespace, name: str, resource_type: str) -> str:
    """Return what a property is called in its namespace. Raises NotFound where it is not for the resource type."""
    association = await associations.find(reader, namespace.id, resource_type)
    if association is None:
        raise NotFound(f"Namespace {namespace.namespace} is not associated with resource type {resource_type}")
    prefix = association.prefix
    if not prefix or not name.startswith(prefix):
        raise NotFound(
            f"Property {name} does not start with the expected resource type association prefix of '{prefix}'."
        )
    return name.removeprefix(prefix)


def _there(name: str, found: Property | None) -> Property:
    if found is None:
        raise NotFound(f"Could not find property {name}")
    return found


def _taken(namespace: Namespace, name: str) -> str:
    return f"A metadata definition property with name={name} already exists in namespace={namespace.namespace}."
