"""Statements on namespaces."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from glimpse.database.pool import Reader, Transaction


@dataclass(frozen=True, slots=True)
class Namespace:
    """One row of `metadef_namespaces`, with the columns' names."""

    id: int
    namespace: str
    display_name: str | None
    description: str | None
    visibility: str | None
    """None where a file did not say; shown as private (MD-104)."""
    protected: bool | None
    owner: str
    created_at: datetime
    updated_at: datetime | None
    """None until somebody changes what a file brought (MD-104)."""


async def find(reader: Reader, name: str) -> Namespace | None:
    """Read one namespace, None when there is none."""
    row = await reader.fetchrow(
        """
        SELECT id, namespace, display_name, description, visibility, protected, owner, created_at, updated_at
          FROM metadef_namespaces
         WHERE namespace = $1
        """,
        name,
    )
    return row and _namespace(row)


async def lock(tx: Transaction, *names: str) -> dict[str, Namespace]:
    """Read namespaces and hold them until the transaction ends; in one order, so that no two wait for each other."""
    rows = await tx.fetch(
        """
        SELECT id, namespace, display_name, description, visibility, protected, owner, created_at, updated_at
          FROM metadef_namespaces
         WHERE namespace = ANY($1)
         ORDER BY namespace
           FOR UPDATE
        """,
        names,
    )
    return {row["namespace"]: _namespace(row) for row in rows}


async def list_all(reader: Reader) -> list[Namespace]:
    """Return every namespace, oldest first."""
    rows = await reader.fetch(
        """
        SELECT id, namespace, display_name, description, visibility, protected, owner, created_at, updated_at
          FROM metadef_namespaces
         ORDER BY id
        """
    )
    return [_namespace(row) for row in rows]


async def insert(tx: Transaction, values: Mapping[str, Any], *, is_loaded: bool = False) -> Namespace | None:
    """Make a namespace; None when there is one of that name. What is loaded has not been updated yet."""
    row = await tx.fetchrow(
        """
        WITH moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        )
        INSERT INTO metadef_namespaces (namespace, display_name, description, visibility, protected, owner,
                                        created_at, updated_at)
        SELECT $1, $2, $3, $4, $5, $6, moment.now, CASE WHEN NOT $7 THEN moment.now END
          FROM moment
            ON CONFLICT (namespace) DO NOTHING
     RETURNING id, namespace, display_name, description, visibility, protected, owner, created_at, updated_at
        """,
        values["namespace"],
        values["display_name"],
        values["description"],
        values["visibility"],
        values["protected"],
        values["owner"],
        is_loaded,
    )
    return row and _namespace(row)


async def update(tx: Transaction, namespace_id: int, values: Mapping[str, Any]) -> Namespace:
    """Write a namespace's own fields, all of them."""
    row = await tx.fetchrow(
        """
        UPDATE metadef_namespaces
           SET namespace = $2, display_name = $3, description = $4, visibility = $5, protected = $6, owner = $7,
               updated_at = clock_timestamp()
         WHERE id = $1
     RETURNING id, namespace, display_name, description, visibility, protected, owner, created_at, updated_at
        """,
        namespace_id,
        values["namespace"],
        values["display_name"],
        values["description"],
        values["visibility"],
        values["protected"],
        values["owner"],
    )
    return _namespace(row)


async def delete(tx: Transaction, namespace_id: int) -> None:
    """Delete a namespace; what is in it goes with it."""
    await tx.execute("DELETE FROM metadef_namespaces WHERE id = $1", namespace_id)


async def delete_all(tx: Transaction) -> list[Namespace]:
    """Delete every namespace, with what is in them; returns what is gone, oldest first."""
    rows = await tx.fetch(
        """
        DELETE FROM metadef_namespaces
     RETURNING id, namespace, display_name, description, visibility, protected, owner, created_at, updated_at
        """
    )
    return sorted((_namespace(row) for row in rows), key=lambda each: each.id)


async def were_filled(reader: Reader) -> bool:
    """Say whether the definitions that come with Glimpse were ever brought in by themselves."""
    found = await reader.fetchval("SELECT EXISTS (SELECT FROM metadef_filled)")
    return bool(found)


async def mark_filled(tx: Transaction) -> bool:
    """Note that they are brought in now; return whether nobody did before."""
    return await tx.execute("INSERT INTO metadef_filled (singleton) VALUES (true) ON CONFLICT DO NOTHING") == 1


def _namespace(row: Any) -> Namespace:
    return Namespace(**dict(row.items()))
