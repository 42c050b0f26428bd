"""Statements on objects: properties that belong together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from glimpse.database.pool import Reader, Transaction
from schemas import metadefs


@dataclass(frozen=True, slots=True)
class Object:
    """One row of `metadef_objects`, with the columns' names."""

    name: str
    description: str | None
    required: list[str]
    properties: dict[str, Any]
    created_at: datetime
    updated_at: datetime | None


async def list_of(reader: Reader, namespace_id: int) -> list[Object]:
    """Return the objects of a namespace, oldest first."""
    rows = await reader.fetch(
        """
        SELECT name, description, required, properties, created_at, updated_at
          FROM metadef_objects
         WHERE namespace_id = $1
         ORDER BY id
        """,
        namespace_id,
    )
    return [_object(row) for row in rows]


async def find(reader: Reader, namespace_id: int, name: str) -> Object | None:
    """Read one object, None when there is none."""
    row = await reader.fetchrow(
        """
        SELECT name, description, required, properties, created_at, updated_at
          FROM metadef_objects
         WHERE namespace_id = $1 AND name = $2
        """,
        namespace_id,
        name,
    )
    return row and _object(row)


async def insert(
    tx: Transaction, namespace_id: int, wanted: Sequence[metadefs.Object], *, is_loaded: bool = False
) -> list[Object]:
    """Make objects; returns those whose names were free."""
    rows = await tx.fetch(
        """
        WITH moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        )
        INSERT INTO metadef_objects (namespace_id, name, description, required, properties, created_at, updated_at)
        SELECT $1, wanted.name, wanted.description, wanted.required, wanted.properties, moment.now,
               CASE WHEN NOT $6 THEN moment.now END
          FROM unnest($2::text[], $3::text[], $4::json[], $5::json[])
               WITH ORDINALITY AS wanted (name, description, required, properties, nth), moment
         ORDER BY wanted.nth
            ON CONFLICT (namespace_id, name) DO NOTHING
     RETURNING name, description, required, properties, created_at, updated_at
        """,
        namespace_id,
        *_columns(wanted),
        is_loaded,
    )
    return [_object(row) for row in rows]


async def update(
    tx: Transaction, namespace_id: int, names: Sequence[str], wanted: Sequence[metadefs.Object]
) -> list[Object]:
    """Write objects anew, each with its name until now; returns them in any order."""
    rows = await tx.fetch(
        """
        UPDATE metadef_objects AS objects
           SET name = wanted.name, description = wanted.description, required = wanted.required,
               properties = wanted.properties, updated_at = clock_timestamp()
          FROM unnest($2::text[], $3::text[], $4::json[], $5::json[], $6::text[])
               AS wanted (name, description, required, properties, was)
         WHERE objects.namespace_id = $1 AND objects.name = wanted.was
     RETURNING objects.name, objects.description, objects.required, objects.properties, objects.created_at,
               objects.updated_at
        """,
        namespace_id,
        *_columns(wanted),
        names,
    )
    return [_object(row) for row in rows]


async def delete(tx: Transaction, namespace_id: int, name: str) -> None:
    """Delete one object."""
    await tx.execute("DELETE FROM metadef_objects WHERE namespace_id = $1 AND name = $2", namespace_id, name)


async def delete_all(tx: Transaction, namespace_id: int) -> list[str]:
    """Delete every object of a namespace; returns what they were called."""
    rows = await tx.fetch("DELETE FROM metadef_objects WHERE namespace_id = $1 RETURNING name", namespace_id)
    return [row["name"] for row in rows]


def _columns(wanted: Sequence[metadefs.Object]) -> tuple[list[Any], ...]:
    return (
        [each["name"] for each in wanted],
        [each.get("description") for each in wanted],
        [orjson.dumps(each.get("required", [])) for each in wanted],
        [orjson.dumps(each.get("properties", {})) for each in wanted],
    )


def _object(row: Any) -> Object:
    values = dict(row.items())
    return Object(
        **{**values, "required": orjson.loads(row["required"]), "properties": orjson.loads(row["properties"])}
    )
