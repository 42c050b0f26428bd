"""Statements on resource types: what properties are for, known to every project."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from glimpse.database.pool import Reader, Transaction


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One row of `metadef_resource_types`, with the columns' names."""

    name: str
    created_at: datetime
    updated_at: datetime | None


async def list_all(reader: Reader) -> list[ResourceType]:
    """Return every resource type, oldest first."""
    rows = await reader.fetch(
        """
        SELECT name, created_at, updated_at
          FROM metadef_resource_types
         ORDER BY id
        """
    )
    return [ResourceType(**dict(row.items())) for row in rows]


async def hold_still(tx: Transaction) -> None:
    """Let nobody else make resource types until the transaction ends: two who did would wait for each other."""
    await tx.execute("LOCK TABLE metadef_resource_types IN SHARE ROW EXCLUSIVE MODE")


async def insert(tx: Transaction, names: Sequence[str], *, is_loaded: bool = False) -> None:
    """Make those resource types that are not there yet."""
    await tx.execute(
        """
        WITH moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        )
        INSERT INTO metadef_resource_types (name, is_loaded, created_at, updated_at)
        SELECT wanted.name, $2, moment.now, CASE WHEN NOT $2 THEN moment.now END
          FROM unnest($1::text[]) WITH ORDINALITY AS wanted (name, nth), moment
         ORDER BY wanted.nth
            ON CONFLICT (name) DO NOTHING
        """,
        names,
        is_loaded,
    )


async def touch(tx: Transaction, names: Sequence[str]) -> None:
    """Note that a file spoke of resource types again (MD-103)."""
    await tx.execute(
        """
        UPDATE metadef_resource_types
           SET updated_at = clock_timestamp()
         WHERE name = ANY($1)
        """,
        names,
    )


async def delete_unused(tx: Transaction) -> int:
    """Delete the resource types that no namespace is associated with; returns how many there were."""
    return await tx.execute(
        """
        DELETE FROM metadef_resource_types AS types
         WHERE NOT EXISTS (
                   SELECT FROM metadef_associations AS associations WHERE associations.resource_type_id = types.id
               )
        """
    )
