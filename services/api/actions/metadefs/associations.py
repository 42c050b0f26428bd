"""What types of resources namespaces are for (section 4 of the contract)."""

from collections.abc import Sequence

from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, NotFound
from schemas import metadefs
from schemas.metadef_events import AssociationCreated, AssociationDeleted, AssociationUpdated
from services.api import metadef_view as view
from services.api.actions.metadefs import naming, seeing
from services.api.caller import Caller
from services.api.policy import metadefs as rules
from services.api.ports import Ports
from services.api.queries.metadefs import associations, resource_types
from services.api.queries.metadefs.associations import Association
from services.api.queries.metadefs.namespaces import Namespace
from services.api.queries.metadefs.resource_types import ResourceType


async def list_resource_types(ports: Ports, caller: Caller) -> list[ResourceType]:
    """Look at every resource type of every project (MD-53)."""
    rules.require(ports.policy, caller, "list_metadef_resource_types", rules.of_nothing(caller))
    async with ports.database.reading() as reader:
        return await resource_types.list_all(reader)


async def list_associations(ports: Ports, caller: Caller, namespace_name: str) -> list[Association]:
    """Look at what a namespace is for (MD-52)."""
    async with ports.database.reading() as reader:
        namespace = await seeing.find(reader, caller, namespace_name)
        seeing.require(ports, caller, "list_metadef_resource_types", namespace)
        if not seeing.allows(ports, caller, "get_metadef_resource_type", namespace):  # asked of every row (MD-10)
            return []
        return await associations.list_of(reader, [namespace.id])


async def create(ports: Ports, caller: Caller, namespace_name: str, wanted: metadefs.Association) -> Association:
    """Associate a namespace with a resource type, which is made if there is no such one (MD-51)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "add_metadef_resource_type_association", namespace)
        made = await add(tx, namespace, [wanted])
    return made[0]


async def delete(ports: Ports, caller: Caller, namespace_name: str, name: str) -> None:
    """Take an association away; the resource type stays (MD-54)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, namespace_name)
        seeing.require(ports, caller, "remove_metadef_resource_type_association", namespace)
        found = await associations.find(tx, namespace.id, name)
        if found is None:
            raise NotFound(f"Failed to find resource type {name} to delete")
        seeing.refuse_protected(namespace, "resource-type-association", name)
        await associations.delete(tx, namespace.id, name)
        await tx.emit(AssociationDeleted(subject=namespace.namespace, association=view.association(found)))


async def add(
    tx: Transaction, namespace: Namespace, wanted: Sequence[metadefs.Association], *, is_loaded: bool = False
) -> list[Association]:
    """Associate a namespace that is held with resource types. Raises Conflict when it is already."""
    if not wanted:
        return []
    await resource_types.hold_still(tx)
    await resource_types.insert(tx, [each["name"] for each in wanted], is_loaded=is_loaded)
    made = await associations.insert(tx, namespace.id, wanted, is_loaded=is_loaded)
    if len(made) < len(wanted):
        name = naming.taken((each["name"] for each in wanted), (each.name for each in made))
        raise Conflict(
            f"The metadata definition resource-type association of resource-type={name} to "
            f"namespace={namespace.namespace} already exists."
        )
    for each in made:
        await tx.emit(AssociationCreated(subject=namespace.namespace, association=view.association(each)))
    return made


async def change(
    tx: Transaction, namespace: Namespace, before: Sequence[Association], wanted: Sequence[metadefs.Association]
) -> None:
    """Write associations of a namespace that is held anew; only files can (MD-103)."""
    changed = {each.name: each for each in await associations.update(tx, namespace.id, wanted)}
    for was in before:
        shown = view.association(changed[was.name])
        previous = view.difference(view.association(was), shown)
        await tx.emit(AssociationUpdated(subject=namespace.namespace, association=shown, previous=previous))
