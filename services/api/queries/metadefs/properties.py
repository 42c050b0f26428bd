"""Statements on the properties of namespaces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from glimpse.database.pool import Reader, Transaction
from schemas.metadefs import Definition


@dataclass(frozen=True, slots=True)
class Property:
    """One row of `metadef_properties`, with the columns' names."""

    name: str
    definition: dict[str, Any]


async def list_of(reader: Reader, namespace_id: int) -> list[Property]:
    """Return the properties of a namespace, oldest first."""
    rows = await reader.fetch(
        """
        SELECT name, definition
          FROM metadef_properties
         WHERE namespace_id = $1
         ORDER BY id
        """,
        namespace_id,
    )
    return [_property(row) for row in rows]


async def find(reader: Reader, namespace_id: int, name: str) -> Property | None:
    """Read one property, None when there is none."""
    row = await reader.fetchrow(
        """
        SELECT name, definition
          FROM metadef_properties
         WHERE namespace_id = $1 AND name = $2
        """,
        namespace_id,
        name,
    )
    return row and _property(row)


async def insert(
    tx: Transaction, namespace_id: int, wanted: Mapping[str, Definition], *, is_loaded: bool = False
) -> list[Property]:
    """Make properties; returns those whose names were free."""
    rows = await tx.fetch(
        """
        WITH moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        )
        INSERT INTO metadef_properties (namespace_id, name, definition, created_at, updated_at)
        SELECT $1, wanted.name, wanted.definition, moment.now, CASE WHEN NOT $4 THEN moment.now END
          FROM unnest($2::text[], $3::json[]) WITH ORDINALITY AS wanted (name, definition, nth), moment
         ORDER BY wanted.nth
            ON CONFLICT (namespace_id, name) DO NOTHING
     RETURNING name, definition
        """,
        namespace_id,
        list(wanted),
        [orjson.dumps(each) for each in wanted.values()],
        is_loaded,
    )
    return [_property(row) for row in rows]


async def update(
    tx: Transaction, namespace_id: int, names: Sequence[str], wanted: Mapping[str, Definition]
) -> list[Property]:
    """Write properties anew, each with its name until now; returns them in any order."""
    rows = await tx.fetch(
        """
        UPDATE metadef_properties AS properties
           SET name = wanted.name, definition = wanted.definition, updated_at = clock_timestamp()
          FROM unnest($2::text[], $3::json[], $4::text[]) AS wanted (name, definition, was)
         WHERE properties.namespace_id = $1 AND properties.name = wanted.was
     RETURNING properties.name, properties.definition
        """,
        namespace_id,
        list(wanted),
        [orjson.dumps(each) for each in wanted.values()],
        names,
    )
    return [_property(row) for row in rows]


async def delete(tx: Transaction, namespace_id: int, name: str) -> None:
    """Delete one property."""
    await tx.execute("DELETE FROM metadef_properties WHERE namespace_id = $1 AND name = $2", namespace_id, name)


async def delete_all(tx: Transaction, namespace_id: int) -> list[str]:
    """Delete every property of a namespace; returns what they were called."""
    rows = await tx.fetch("DELETE FROM metadef_properties WHERE namespace_id = $1 RETURNING name", namespace_id)
    return [row["name"] for row in rows]


def _property(row: Any) -> Property:
    return Property(row["name"], orjson.loads(row["definition"]))
