"""Pages of namespaces and of tags: by key, never by counting. Only names from closed mappings become part of a text."""

from collections.abc import Mapping
from typing import Any

from glimpse.database.pool import Reader
from services.api.caller import Caller
from services.api.metadef_filters import NamespacesWanted, TagsWanted
from services.api.queries.metadefs.namespaces import Namespace
from services.api.queries.metadefs.tags import Tag

NAMESPACES_BY = {
    "id": "id",
    "namespace": "namespace",
    "display_name": "coalesce(display_name, '')",
    "description": "coalesce(description, '')",
    "visibility": "coalesce(visibility, 'private')",
    "protected": "coalesce(protected, false)",
    "owner": "owner",
    "created_at": "created_at",
    "updated_at": "coalesce(updated_at, '-infinity')",
}
TAGS_BY = {
    "id": "id",
    "name": "name",
    "created_at": "created_at",
    "updated_at": "coalesce(updated_at, '-infinity')",
}
"""What nulls are sorted as, too."""

SIGNS = {"asc": ">", "desc": "<"}


async def list_namespaces(
    reader: Reader, caller: Caller, wanted: NamespacesWanted, after: int | None
) -> list[Namespace]:
    """Return a page of what storage shows to a caller (MD-21); `after` is the marker's row id."""
    past, order = _keyed("metadef_namespaces", NAMESPACES_BY, wanted.sort_key, wanted.sort_dir)
    rows = await reader.fetch(
        f"""
        SELECT id, namespace, display_name, description, visibility, protected, owner, created_at, updated_at
          FROM metadef_namespaces
         WHERE ($2 OR visibility = 'public' OR owner = $3)
           AND ($4::text IS NULL OR coalesce(visibility, 'private') = $4)
           AND ($5::text[] IS NULL OR id IN (
                   SELECT associations.namespace_id
                     FROM metadef_associations AS associations
                     JOIN metadef_resource_types AS types ON types.id = associations.resource_type_id
                    WHERE types.name = ANY($5)
               ))
           AND ($1::bigint IS NULL OR {past})
         ORDER BY {order}
         LIMIT $6
        """,
        after,
        caller.is_admin,
        caller.project,
        wanted.visibility,
        wanted.resource_types,
        wanted.limit,
    )
    return [Namespace(**dict(row.items())) for row in rows]


async def list_tags(reader: Reader, namespace_id: int, wanted: TagsWanted, after: int | None) -> list[Tag]:
    """Return a page of the tags of a namespace; `after` is the marker's row id."""
    past, order = _keyed("metadef_tags", TAGS_BY, wanted.sort_key, wanted.sort_dir)
    rows = await reader.fetch(
        f"""
        SELECT id, name, created_at, updated_at
          FROM metadef_tags
         WHERE namespace_id = $2 AND ($1::bigint IS NULL OR {past})
         ORDER BY {order}
         LIMIT $3
        """,
        after,
        namespace_id,
        wanted.limit,
    )
    return [Tag(**dict(row.items())) for row in rows]


def _keyed(table: str, columns: Mapping[str, Any], key: str, direction: str) -> tuple[str, str]:
    """Return the condition for what comes after the marker, and the order (MD-36)."""
    named = dict.fromkeys(["created_at", "id"] if key == "id" else [key, "created_at", "id"])
    keys = [columns[each] for each in named]
    listed = ", ".join(keys)
    past = f"({listed}) {SIGNS[direction]} (SELECT {listed} FROM {table} WHERE id = $1)"
    return past, ", ".join(f"{each} {direction}" for each in keys)
