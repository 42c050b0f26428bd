"""Statements on what types of resources namespaces are for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from glimpse.database.pool import Reader, Transaction
from schemas import metadefs


@dataclass(frozen=True, slots=True)
class Association:
    """One row of `metadef_associations`, with the columns' names, and the name of its resource type."""

    namespace_id: int
    name: str
    prefix: str | None
    properties_target: str | None
    created_at: datetime
    updated_at: datetime | None


async def list_of(reader: Reader, namespace_ids: Sequence[int]) -> list[Association]:
    """Return the associations of some namespaces; of each one in the order of their resource types."""
    rows = await reader.fetch(
        """
        SELECT associations.namespace_id, types.name, associations.prefix, associations.properties_target,
               associations.created_at, associations.updated_at
          FROM metadef_associations AS associations
          JOIN metadef_resource_types AS types ON types.id = associations.resource_type_id
         WHERE associations.namespace_id = ANY($1)
         ORDER BY associations.namespace_id, types.id
        """,
        namespace_ids,
    )
    return [_association(row) for row in rows]


async def find(reader: Reader, namespace_id: int, name: str) -> Association | None:
    """Read the association of a namespace with a resource type, None when there is none."""
    row = await reader.fetchrow(
        """
        SELECT associations.namespace_id, types.name, associations.prefix, associations.properties_target,
               associations.created_at, associations.updated_at
          FROM metadef_associations AS associations
          JOIN metadef_resource_types AS types ON types.id = associations.resource_type_id
         WHERE associations.namespace_id = $1 AND types.name = $2
        """,
        namespace_id,
        name,
    )
    return row and _association(row)


async def insert(
    tx: Transaction, namespace_id: int, wanted: Sequence[metadefs.Association], *, is_loaded: bool = False
) -> list[Association]:
    """Associate a namespace with resource types that exist; returns those associations that were not there yet."""
    rows = await tx.fetch(
        """
        WITH moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        ), wanted AS (
            SELECT types.id, types.name, asked.prefix, asked.properties_target, asked.nth
              FROM unnest($2::text[], $3::text[], $4::text[])
                   WITH ORDINALITY AS asked (name, prefix, properties_target, nth)
              JOIN metadef_resource_types AS types ON types.name = asked.name
        ), made AS (
            INSERT INTO metadef_associations (namespace_id, resource_type_id, prefix, properties_target,
                                              created_at, updated_at)
            SELECT $1, wanted.id, wanted.prefix, wanted.properties_target, moment.now,
                   CASE WHEN NOT $5 THEN moment.now END
              FROM wanted, moment
             ORDER BY wanted.nth
                ON CONFLICT (namespace_id, resource_type_id) DO NOTHING
         RETURNING namespace_id, resource_type_id, prefix, properties_target, created_at, updated_at
        )
        SELECT made.namespace_id, types.name, made.prefix, made.properties_target, made.created_at, made.updated_at
          FROM made
          JOIN metadef_resource_types AS types ON types.id = made.resource_type_id
         ORDER BY types.id
        """,
        namespace_id,
        [each["name"] for each in wanted],
        [each.get("prefix") for each in wanted],
        [each.get("properties_target") for each in wanted],
        is_loaded,
    )
    return [_association(row) for row in rows]


async def update(tx: Transaction, namespace_id: int, wanted: Sequence[metadefs.Association]) -> list[Association]:
    """Write down anew how a namespace is used for resource types that it is associated with."""
    rows = await tx.fetch(
        """
        UPDATE metadef_associations AS associations
           SET prefix = asked.prefix, properties_target = asked.properties_target, updated_at = clock_timestamp()
          FROM unnest($2::text[], $3::text[], $4::text[]) AS asked (name, prefix, properties_target)
          JOIN metadef_resource_types AS types ON types.name = asked.name
         WHERE associations.namespace_id = $1 AND associations.resource_type_id = types.id
     RETURNING associations.namespace_id, types.name, associations.prefix, associations.properties_target,
               associations.created_at, associations.updated_at
        """,
        namespace_id,
        [each["name"] for each in wanted],
        [each.get("prefix") for each in wanted],
        [each.get("properties_target") for each in wanted],
    )
    return [_association(row) for row in rows]


async def delete(tx: Transaction, namespace_id: int, name: str) -> None:
    """Take a namespace's association with a resource type away; the resource type stays."""
    await tx.execute(
        """
        DELETE FROM metadef_associations AS associations
         USING metadef_resource_types AS types
         WHERE associations.namespace_id = $1 AND associations.resource_type_id = types.id AND types.name = $2
        """,
        namespace_id,
        name,
    )


def _association(row: Any) -> Association:
    return Association(**dict(row.items()))
