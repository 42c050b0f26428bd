"""Copies of bytes: their rows come before their first byte, and every service moves them in this one way.

A copy is `writing`, then `stored`, then `doomed`; only the scrubber takes it away then. A copy on its way has a lease,
which whoever writes it renews. Who dooms what they wrote themselves takes the lease away; who dooms what another may
still be writing leaves it there: until it has ended the writer may not have noticed, and bytes that were deleted then
could be written once more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from glimpse.database.pool import Reader, Transaction
from schemas.vocabulary import STAGING


@dataclass(frozen=True, slots=True)
class Location:
    """A whole copy, in a store of ours or on the server of somebody else."""

    id: int
    store: str
    key: str = field(repr=False)
    """What is behind the host of a URL may be a secret."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """What people said about it."""


async def insert(tx: Transaction, image_id: str, store: str, key: str, lease: timedelta) -> int:
    """Write the row of a copy that is about to be written; returns its id."""
    blob: int = await tx.fetchval(
        """
        INSERT INTO blobs (image_id, store, key, lease_until)
        VALUES ($1, $2, $3, clock_timestamp() + $4::interval)
     RETURNING id
        """,
        image_id,
        store,
        key,
        lease,
    )
    return blob


async def renew(tx: Transaction, blobs: Sequence[int], lease: timedelta) -> set[int]:
    """Say that copies are still on their way; returns those of them that are."""
    rows = await tx.fetch(
        """
        UPDATE blobs
           SET lease_until = clock_timestamp() + $2::interval
         WHERE id = ANY($1) AND state = 'writing'
     RETURNING id
        """,
        blobs,
        lease,
    )
    return {row["id"] for row in rows}


async def mark_stored(tx: Transaction, blobs: Sequence[int], size: int) -> bool:
    """Say that copies are whole; False when one of them was given up meanwhile."""
    touched = await tx.execute(
        """
        UPDATE blobs
           SET state = 'stored', size = $2, stored_at = clock_timestamp(), lease_until = NULL
         WHERE id = ANY($1) AND state = 'writing'
        """,
        blobs,
        size,
    )
    return touched == len(blobs)


async def doom(tx: Transaction, blob: int) -> bool:
    """Give up a copy that we do not write any more; False when it was given up already."""
    touched = await tx.execute(
        """
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp(), lease_until = NULL,
               attempts = 0, last_error = NULL
         WHERE id = $1 AND state = 'writing'
        """,
        blob,
    )
    return bool(touched)


async def release(tx: Transaction, blob: int) -> None:
    """Say that nobody writes a copy any more that was given up meanwhile: the scrubber need not wait for its lease."""
    await tx.execute("UPDATE blobs SET lease_until = NULL WHERE id = $1 AND state = 'doomed'", blob)


async def doom_half_stored(tx: Transaction, image_id: str) -> None:
    """Let go of copies that are on their way into stores; writers keep their leases."""
    await tx.execute(
        """
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp(), attempts = 0,
               last_error = NULL
         WHERE image_id = $1 AND store <> $2 AND state = 'writing'
        """,
        image_id,
        STAGING,
    )


async def doom_copy(tx: Transaction, image_id: str, store: str) -> None:
    """Let the whole copy in one store go."""
    await tx.execute(
        """
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp(), lease_until = NULL,
               attempts = 0, last_error = NULL
         WHERE image_id = $1 AND store = $2 AND state = 'stored'
        """,
        image_id,
        store,
    )


async def doom_staged(tx: Transaction, image_id: str) -> None:
    """Let the staged bytes of an image go, whole or not; a writer keeps its lease until it has noticed."""
    await tx.execute(
        """
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp(), attempts = 0,
               last_error = NULL
         WHERE image_id = $1 AND store = $2 AND state <> 'doomed'
        """,
        image_id,
        STAGING,
    )


async def doom_unfinished(tx: Transaction, image_id: str) -> None:
    """Let go of every copy of an image that is on its way, into staging too; writers keep their leases."""
    await tx.execute(
        """
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp(), attempts = 0,
               last_error = NULL
         WHERE image_id = $1 AND state = 'writing'
        """,
        image_id,
    )


async def doom_unneeded(tx: Transaction, image_id: str) -> tuple[bool, datetime]:
    """Let go of what is staged or on its way, as a delete does; says whether whole copies remain, and the time."""
    record = await tx.fetchrow(
        """
        WITH unneeded AS (
            UPDATE blobs
               SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp(), attempts = 0,
                   last_error = NULL
             WHERE image_id = $1 AND (state = 'writing' OR (store = $2 AND state <> 'doomed')))
        SELECT EXISTS (SELECT FROM blobs WHERE image_id = $1 AND store <> $2 AND state = 'stored') AS remain,
               clock_timestamp() AS now
        """,
        image_id,
        STAGING,
    )
    return record["remain"], record["now"]


async def doom_these(tx: Transaction, blobs: Sequence[int]) -> None:
    """Let go of single copies, whatever they are; writers keep their leases."""
    await tx.execute(
        """
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp(), attempts = 0,
               last_error = NULL
         WHERE id = ANY($1) AND state <> 'doomed'
        """,
        blobs,
    )


async def doom_of_images(tx: Transaction, image_ids: Sequence[str]) -> None:
    """Let go of every copy of images, staged and half-written ones too; writers keep their leases."""
    await tx.execute(
        """
        WITH kept AS (
            SELECT id
              FROM blobs
             WHERE image_id = ANY($1) AND state <> 'doomed'
             ORDER BY id
               FOR UPDATE
        )
        UPDATE blobs
           SET state = 'doomed', doomed_at = clock_timestamp(), run_at = clock_timestamp(), attempts = 0,
               last_error = NULL
          FROM kept
         WHERE blobs.id = kept.id
        """,
        image_ids,
    )


async def list_copies(reader: Reader, image_id: str) -> list[Location]:
    """Return an image's whole copies, in the order in which they are listed."""
    rows: Sequence[Any] = await reader.fetch(
        """
        SELECT id, store, key, metadata
          FROM blobs
         WHERE image_id = $1 AND store <> $2 AND state = 'stored'
         ORDER BY place NULLS LAST, id
        """,
        image_id,
        STAGING,
    )
    return [Location(**dict(row.items())) for row in rows]


async def list_copies_of(reader: Reader, image_ids: Sequence[str]) -> dict[str, list[Location]]:
    """Return the whole copies of several images, by image, in the order in which they are listed."""
    rows: Sequence[Any] = await reader.fetch(
        """
        SELECT image_id, id, store, key, metadata
          FROM blobs
         WHERE image_id = ANY($1) AND store <> $2 AND state = 'stored'
         ORDER BY place NULLS LAST, id
        """,
        image_ids,
        STAGING,
    )
    found: dict[str, list[Location]] = {}
    for row in rows:
        image_id, *rest = row.values()
        found.setdefault(image_id, []).append(Location(*rest))
    return found


async def insert_location(
    tx: Transaction, image_id: str, store: str, key: str, size: int, metadata: Mapping[str, Any]
) -> int:
    """Write down a copy that somebody else keeps, whole as it is; returns its id."""
    blob: int = await tx.fetchval(
        """
        INSERT INTO blobs (image_id, store, key, state, size, metadata, is_foreign, stored_at)
        VALUES ($1, $2, $3, 'stored', $4, $5, true, clock_timestamp())
     RETURNING id
        """,
        image_id,
        store,
        key,
        size,
        dict(metadata),
    )
    return blob


async def arrange(tx: Transaction, ids: Sequence[int], metadata: Sequence[Mapping[str, Any]]) -> None:
    """Put an image's copies in the order given, and say of each what is said about it now."""
    await tx.execute(
        """
        UPDATE blobs
           SET place = given.place, metadata = given.metadata
          FROM unnest($1::bigint[], $2::jsonb[]) WITH ORDINALITY AS given (id, metadata, place)
         WHERE blobs.id = given.id
        """,
        ids,
        [dict(each) for each in metadata],
    )


async def has_location(reader: Reader, image_id: str, key: str) -> bool:
    """Say whether a copy that somebody else keeps counts as one of the image's."""
    found: bool = await reader.fetchval(
        """
        SELECT EXISTS (SELECT FROM blobs WHERE image_id = $1 AND key = $2 AND is_foreign AND state = 'stored')
        """,
        image_id,
        key,
    )
    return found


async def is_staged(reader: Reader, image_id: str) -> bool:
    """Say whether whole bytes wait in staging."""
    found = await reader.fetchval(
        """
        SELECT EXISTS (SELECT FROM blobs WHERE image_id = $1 AND store = $2 AND state = 'stored')
        """,
        image_id,
        STAGING,
    )
    return bool(found)


async def find_staged(reader: Reader, image_id: str) -> Any:
    """Return key and size of an image's staged bytes, or None."""
    return await reader.fetchrow(
        """
        SELECT key, size
          FROM blobs
         WHERE image_id = $1 AND store = $2 AND state = 'stored'
         ORDER BY id DESC
         LIMIT 1
        """,
        image_id,
        STAGING,
    )
