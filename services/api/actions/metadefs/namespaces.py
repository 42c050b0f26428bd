"""Namespaces: make them with what is in them, look at them, change them, let them go (section 3 of the contract)."""

from dataclasses import dataclass
from typing import Any

from glimpse.database.pool import Reader, Transaction
from glimpse.errors import Conflict, Forbidden, Invalid, NotFound
from schemas import metadefs
from schemas.metadef_events import NamespaceCreated, NamespaceDeleted, NamespaceUpdated
from services.api import metadef_view as view
from services.api.actions.metadefs import associations, contents, objects, properties, seeing, tags
from services.api.actions.metadefs.contents import Contents
from services.api.caller import Caller
from services.api.metadef_filters import NamespacesWanted
from services.api.policy import metadefs as rules
from services.api.ports import Ports
from services.api.queries.metadefs import associations as association_rows
from services.api.queries.metadefs import listing, namespaces
from services.api.queries.metadefs.associations import Association
from services.api.queries.metadefs.namespaces import Namespace

SHOWING = (
    "get_metadef_namespace",
    "list_metadef_resource_types",
    "get_metadef_objects",
    "get_metadef_properties",
    "get_metadef_tags",
)
"""Every one of these is asked before a namespace is shown (MD-10)."""

NESTED = {
    "resource_type_associations": "add_metadef_resource_type_association",
    "objects": "add_metadef_object",
    "properties": "add_metadef_property",
    "tags": "add_metadef_tag",
}
"""What a body may bring along, and the rule that is asked about it then (MD-10)."""


@dataclass(frozen=True, slots=True)
class Page:
    """Namespaces in the order that was asked for, each with what it is for; the next page begins after `last`."""

    namespaces: list[tuple[Namespace, list[Association]]]
    last: str | None


async def page(ports: Ports, caller: Caller, wanted: NamespacesWanted) -> Page:
    """Return one page (MD-34). Raises NotFound and Forbidden for a marker that can not be used (MD-22)."""
    for rule in ("get_metadef_namespaces", "list_metadef_resource_types"):
        rules.require(ports.policy, caller, rule, rules.of_nothing(caller))
    async with ports.database.snapshot() as reader:
        after = None if wanted.marker is None else await _marked(reader, caller, wanted.marker)
        found = await listing.list_namespaces(reader, caller, wanted, after)
        shown = [each for each in found if seeing.allows(ports, caller, "get_metadef_namespace", each)]
        associated = await association_rows.list_of(reader, [each.id for each in shown])
    last = shown[-1].namespace if shown and len(shown) == wanted.limit else None
    by_namespace: dict[int, list[Association]] = {each.id: [] for each in shown}
    for each in associated:
        by_namespace[each.namespace_id].append(each)
    return Page([(each, by_namespace[each.id]) for each in shown], last)


async def create(ports: Ports, caller: Caller, body: metadefs.Namespace) -> Namespace:
    """Make a namespace, and everything that is to be in it, or nothing (MD-31, MD-32)."""
    for rule in ("add_metadef_namespace", *(rule for kind, rule in NESTED.items() if kind in body)):
        rules.require(ports.policy, caller, rule, rules.of_nothing(caller))
    values = _own_fields(body, caller)
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await namespaces.insert(tx, values)
        if namespace is None:
            raise Conflict(f"The metadata definition namespace={body['namespace']} already exists.")
        await tx.emit(NamespaceCreated(subject=namespace.namespace, namespace=view.namespace(namespace)))
        await fill(tx, namespace, body)
    return namespace


async def fill(tx: Transaction, namespace: Namespace, body: metadefs.Namespace, *, is_loaded: bool = False) -> None:
    """Put things into a namespace that is held. Raises Conflict when one of them is there already."""
    wanted_tags = [each["name"] for each in body.get("tags", [])]
    await associations.add(tx, namespace, body.get("resource_type_associations", []), is_loaded=is_loaded)
    await objects.add(tx, namespace, body.get("objects", []), is_loaded=is_loaded)
    await tags.add(tx, namespace, wanted_tags, is_loaded=is_loaded)
    await properties.add(tx, namespace, body.get("properties", {}), is_loaded=is_loaded)


async def show(
    ports: Ports, caller: Caller, name: str, resource_type: str | None = None
) -> tuple[Namespace, Contents, str]:
    """Look at a namespace and all that is in it, and at what its properties' names begin with for a resource type.

    Five statements, whatever is in it, which all see the same moment.
    """
    async with ports.database.snapshot() as reader:
        namespace = await seeing.find(reader, caller, name)
        for rule in SHOWING:
            seeing.require(ports, caller, rule, namespace)
        found = await contents.read(reader, namespace)
    prefixes = [each.prefix for each in found.associations if each.name == resource_type]
    return namespace, found, (prefixes[0] if prefixes else None) or ""


async def update(ports: Ports, caller: Caller, name: str, body: metadefs.Namespace) -> Namespace:
    """Write a namespace's own fields anew, all of them, with another name if need be (MD-41)."""
    async with ports.database.transaction(caller.actor) as tx:
        held = await namespaces.lock(tx, name, body["namespace"])
        before = seeing.visible(caller, name, held.get(name))
        seeing.require(ports, caller, "modify_metadef_namespace", before)
        if body["namespace"] != name and body["namespace"] in held:
            raise Conflict(
                "Invalid update. It would result in a duplicate metadata definition namespace with the same name of "
                f"{body['namespace']}"
            )
        after = await namespaces.update(tx, before.id, _own_fields(body, caller))
        shown = view.namespace(after)
        previous = view.difference(view.namespace(before), shown)
        for known_as in dict.fromkeys((name, after.namespace)):  # who follows the old name must hear of the new one
            await tx.emit(NamespaceUpdated(subject=known_as, namespace=shown, previous=previous))
    return after


async def delete(ports: Ports, caller: Caller, name: str) -> None:
    """Delete a namespace with all that is in it; resource types stay (MD-42)."""
    async with ports.database.transaction(caller.actor) as tx:
        namespace = await seeing.lock(tx, caller, name)
        seeing.require(ports, caller, "delete_metadef_namespace", namespace)
        seeing.refuse_protected(namespace, "namespace", name)
        await namespaces.delete(tx, namespace.id)
        await tx.emit(NamespaceDeleted(subject=name, namespace=view.namespace(namespace)))


async def _marked(reader: Reader, caller: Caller, marker: str) -> int:
    found = await namespaces.find(reader, marker)
    if found is None:
        raise NotFound(f"Namespace {marker} not found")
    if not seeing.sees(caller, found):
        raise Forbidden("Invalid marker: that namespace is not yours to see.")
    return found.id


def _own_fields(body: metadefs.Namespace, caller: Caller) -> dict[str, Any]:
    """Return what a namespace says of itself; what is not sent is as if never said (MD-30, MD-41)."""
    owner = body.get("owner") or caller.project  # MD-24
    if owner is None:
        raise Invalid("a namespace belongs to a project, and you are in none: send its id as `owner`")
    if owner != caller.project and not caller.is_admin:
        raise Forbidden(f"You are not permitted to make namespaces owned by '{owner}'")
    return {
        "namespace": body["namespace"],
        "display_name": body.get("display_name"),
        "description": body.get("description"),
        "visibility": body.get("visibility", "private"),
        "protected": body.get("protected", False),
        "owner": owner,
    }
