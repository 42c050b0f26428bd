"""Statements on the tags of namespaces."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from glimpse.database.pool import Reader, Transaction


@dataclass(frozen=True, slots=True)
class Tag:
    """One row of `metadef_tags`, with the columns' names."""

    id: int
    name: str
    created_at: datetime
    updated_at: datetime | None


async def list_of(reader: Reader, namespace_id: int) -> list[Tag]:
    """Return the tags of a namespace, oldest first."""
    rows = await reader.fetch(
        """
        SELECT id, name, created_at, updated_at
          FROM metadef_tags
         WHERE namespace_id = $1
         ORDER BY id
        """,
        namespace_id,
    )
    return [_tag(row) for row in rows]


async def find(reader: Reader, namespace_id: int, name: str) -> Tag | None:
    """Read one tag, None when there is none."""
    row = await reader.fetchrow(
        """
        SELECT id, name, created_at, updated_at
          FROM metadef_tags
         WHERE namespace_id = $1 AND name = $2
        """,
        namespace_id,
        name,
    )
    return row and _tag(row)


async def insert(tx: Transaction, namespace_id: int, names: Sequence[str], *, is_loaded: bool = False) -> list[Tag]:
    """Make tags; returns those whose names were free."""
    rows = await tx.fetch(
        """
        WITH moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        )
        INSERT INTO metadef_tags (namespace_id, name, created_at, updated_at)
        SELECT $1, wanted.name, moment.now, CASE WHEN NOT $3 THEN moment.now END
          FROM unnest($2::text[]) WITH ORDINALITY AS wanted (name, nth), moment
         ORDER BY wanted.nth
            ON CONFLICT (namespace_id, name) DO NOTHING
     RETURNING id, name, created_at, updated_at
        """,
        namespace_id,
        names,
        is_loaded,
    )
    return [_tag(row) for row in rows]


async def update(tx: Transaction, namespace_id: int, names: Sequence[str], wanted: Sequence[str]) -> list[Tag]:
    """Give tags other names, or note that a file spoke of them again; returns them in any order."""
    rows = await tx.fetch(
        """
        UPDATE metadef_tags AS tags
           SET name = wanted.name, updated_at = clock_timestamp()
          FROM unnest($2::text[], $3::text[]) AS wanted (name, was)
         WHERE tags.namespace_id = $1 AND tags.name = wanted.was
     RETURNING tags.id, tags.name, tags.created_at, tags.updated_at
        """,
        namespace_id,
        wanted,
        names,
    )
    return [_tag(row) for row in rows]


async def delete(tx: Transaction, namespace_id: int, name: str) -> None:
    """Delete one tag."""
    await tx.execute("DELETE FROM metadef_tags WHERE namespace_id = $1 AND name = $2", namespace_id, name)


async def delete_all(tx: Transaction, namespace_id: int) -> list[str]:
    """Delete every tag of a namespace; returns what they were called."""
    rows = await tx.fetch("DELETE FROM metadef_tags WHERE namespace_id = $1 RETURNING name", namespace_id)
    return [row["name"] for row in rows]


def _tag(row: Any) -> Tag:
    return Tag(**dict(row.items()))
