"""Statements on images that are deleted: the newest deletion first, a page at a time, by key."""

from collections.abc import Sequence
from datetime import datetime

from glimpse.database import images
from glimpse.database.pool import Reader
from glimpse.image import ImageRow
from services.api.deleted_filters import WantedDeleted


async def list_page(
    reader: Reader, wanted: WantedDeleted, owner: str | None, after: tuple[datetime, str] | None
) -> Sequence[ImageRow]:
    """Return a page of deleted images: of one owner, or of everybody; `after` is when the marker was, and its id."""
    rows = await reader.fetch_planned(
        """
        SELECT id, name, owner, status, visibility, protected, os_hidden, container_format, disk_format, min_disk,
               min_ram, size, virtual_size, checksum, os_hash_algo, os_hash_value, properties, service_properties,
               tags, stores, version, created_at, updated_at, deleted_at, status_before, purge_after,
               restore_requested_at, purge_started_at, staged_until
          FROM images
         WHERE deleted_at IS NOT NULL
           AND ($1::text IS NULL OR owner = $1)
           AND ($2::text IS NULL OR name = $2)
           AND ($3::text IS NULL OR status = $3)
           AND ($4::timestamptz IS NULL OR (deleted_at, id) < ($4, $5::text))
         ORDER BY deleted_at DESC, id DESC
         LIMIT $6
        """,
        owner,
        wanted.name,
        wanted.status,
        after and after[0],
        after and after[1],
        wanted.limit,
    )
    return [images.from_record(row) for row in rows]
