"""Statements that hold what stores have against what the database knows."""

from collections.abc import Sequence

from glimpse.database.pool import Reader
from services.scrubber.queries.copies import Copy


async def list_known(reader: Reader, store: str, keys: Sequence[str]) -> set[str]:
    """Return which of a store's keys have a row."""
    rows = await reader.fetch("SELECT key FROM blobs WHERE store = $1 AND key = ANY($2)", store, keys)
    return {row["key"] for row in rows}


async def list_stored_after(reader: Reader, store: str, after: int, limit: int) -> list[Copy]:
    """Return the next page of whole copies in a store, staged ones if that is the store."""
    rows = await reader.fetch(
        """
        SELECT id, image_id, store, key, size, attempts
          FROM blobs
         WHERE store = $1 AND state = 'stored' AND id > $2
         ORDER BY id
         LIMIT $3
        """,
        store,
        after,
        limit,
    )
    return [Copy(**dict(row.items())) for row in rows]


async def is_stored(reader: Reader, copy: Copy) -> bool:
    """Say whether a copy still counts as whole."""
    found: bool = await reader.fetchval("SELECT EXISTS (SELECT FROM blobs WHERE id = $1 AND state = 'stored')", copy.id)
    return found


async def count_elsewhere(reader: Reader, stores: Sequence[str]) -> dict[str, int]:
    """Return how many copies are in stores other than these, by store."""
    rows = await reader.fetch(
        "SELECT store, count(*) AS copies FROM blobs WHERE store <> ALL($1) GROUP BY store ORDER BY store", stores
    )
    return {row["store"]: row["copies"] for row in rows}


async def has_images(reader: Reader) -> bool:
    """Say whether this database ever knew an image."""
    found: bool = await reader.fetchval("SELECT EXISTS (SELECT FROM image_ids)")
    return found
