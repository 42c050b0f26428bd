"""Statements on the image row that only the API makes."""

from typing import Any

from glimpse.database import images
from glimpse.database.pool import Reader, Transaction
from glimpse.image import ImageRow


async def find_live(reader: Reader, image_id: str, project: str | None) -> tuple[ImageRow, bool] | None:
    """Read an image that is not deleted, and whether it is shared with a project (AC-3); None when there is none."""
    row = await reader.fetchrow(
        """
        SELECT id, name, owner, status, visibility, protected, os_hidden, container_format, disk_format, min_disk,
               min_ram, size, virtual_size, checksum, os_hash_algo, os_hash_value, properties, service_properties,
               tags, stores, version, created_at, updated_at, deleted_at, status_before, purge_after,
               restore_requested_at, purge_started_at, staged_until,
               visibility = 'shared' AND owner IS DISTINCT FROM $2 AND EXISTS (
                   SELECT FROM members WHERE members.image_id = images.id AND members.member = $2
               ) AS is_member
          FROM images
         WHERE id = $1 AND status NOT IN ('pending_delete', 'deleted')
        """,
        image_id,
        project,
    )
    if row is None:
        return None
    return images.from_record(row), bool(row["is_member"])


async def is_shared_with(reader: Reader, image_id: str, project: str | None) -> bool:
    """Say whether an image has a project among its members."""
    found = await reader.fetchval(
        """
        SELECT EXISTS (SELECT FROM members WHERE image_id = $1 AND member = $2)
        """,
        image_id,
        project,
    )
    return bool(found)


async def insert(tx: Transaction, values: dict[str, Any]) -> ImageRow | None:
    """Make an image of an id that was never used; None when it was, by anybody, ever (IMG-257, IMG-715)."""
    row = await tx.fetchrow(
        """
        WITH fresh AS (
            INSERT INTO image_ids (id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING id
        ), moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        )
        INSERT INTO images (id, name, owner, status, visibility, protected, os_hidden, container_format, disk_format,
                            min_disk, min_ram, properties, tags, created_at, updated_at)
        SELECT fresh.id, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, $10, $11, $12, moment.now, moment.now
          FROM fresh, moment
     RETURNING id, name, owner, status, visibility, protected, os_hidden, container_format, disk_format, min_disk,
               min_ram, size, virtual_size, checksum, os_hash_algo, os_hash_value, properties, service_properties,
               tags, stores, version, created_at, updated_at
        """,
        values["id"],
        values["name"],
        values["owner"],
        values["visibility"],
        values["protected"],
        values["os_hidden"],
        values["container_format"],
        values["disk_format"],
        values["min_disk"],
        values["min_ram"],
        values["properties"],
        values["tags"],
    )
    return row and images.from_listed(row)
