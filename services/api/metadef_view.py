"""How metadata definitions look to their caller: what is not known is left out (MD-6), and links are paths (MD-31)."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from glimpse.image import timestamp
from services.api.queries.metadefs.associations import Association
from services.api.queries.metadefs.namespaces import Namespace
from services.api.queries.metadefs.objects import Object
from services.api.queries.metadefs.properties import Property
from services.api.queries.metadefs.resource_types import ResourceType
from services.api.queries.metadefs.tags import Tag

NAMESPACES = "/v2/metadefs/namespaces"
SCHEMAS = "/v2/schemas/metadefs"


def namespace(found: Namespace) -> dict[str, Any]:
    """Show a namespace's own fields (MD-30)."""
    return _known(
        namespace=found.namespace,
        display_name=found.display_name,
        description=found.description,
        visibility=found.visibility or "private",  # MD-104
        protected=bool(found.protected),
        owner=found.owner,
        **_times(found.created_at, found.updated_at),
        self=f"{NAMESPACES}/{found.namespace}",
        schema=f"{SCHEMAS}/namespace",
    )


def association(found: Association) -> dict[str, Any]:
    """Show what a namespace is for (MD-51)."""
    return _known(
        name=found.name,
        prefix=found.prefix,
        properties_target=found.properties_target,
        **_times(found.created_at, found.updated_at),
    )


def resource_type(found: ResourceType) -> dict[str, Any]:
    """Show a resource type (MD-53)."""
    return _known(name=found.name, **_times(found.created_at, found.updated_at))


def object_(namespace_name: str, found: Object, prefix: str = "") -> dict[str, Any]:
    """Show an object, its properties called as they are with a prefix (MD-40, MD-71)."""
    return _known(
        name=found.name,
        description=found.description,
        required=[prefix + name for name in found.required],
        properties={prefix + name: definition for name, definition in found.properties.items()},
        **_times(found.created_at, found.updated_at),
        self=f"{NAMESPACES}/{namespace_name}/objects/{found.name}",
        schema=f"{SCHEMAS}/object",
    )


def property_(found: Property) -> dict[str, Any]:
    """Show a property by itself (MD-63)."""
    return {**found.definition, "name": found.name}


def properties(found: Iterable[Property], prefix: str = "") -> dict[str, Any]:
    """Show properties in a map, called as they are with a prefix (MD-40, MD-62)."""
    return {prefix + each.name: each.definition for each in found}


def tag(found: Tag) -> dict[str, Any]:
    """Show a tag by itself (MD-80)."""
    return _known(name=found.name, **_times(found.created_at, found.updated_at))


def tags(found: Iterable[Tag]) -> list[dict[str, str]]:
    """Show tags in a list (MD-83)."""
    return [{"name": each.name} for each in found]


def difference(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """Return what those members were before that are otherwise now, as events tell it."""
    names = [name for name in {**before, **after} if name not in ("updated_at", "self")]
    return {name: before.get(name) for name in names if before.get(name) != after.get(name)}


def _times(created_at: datetime, updated_at: datetime | None) -> dict[str, str | None]:
    return {"created_at": timestamp(created_at), "updated_at": None if updated_at is None else timestamp(updated_at)}


def _known(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
