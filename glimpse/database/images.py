"""The image row: locked, moved and written by all three services, always in this one way.

Lock the row, check the move, write, tell: everything that changes an image does so in one transaction that begins
with `lock`. Whoever holds the row may write all of it.
"""

from dataclasses import fields, replace
from operator import itemgetter
from typing import Any

from glimpse import lifecycle
from glimpse.database.pool import Reader, Transaction
from glimpse.errors import NotFound
from glimpse.image import ImageRow
from glimpse.lifecycle import Mover
from schemas.vocabulary import Status, Visibility


async def find(reader: Reader, image_id: str) -> ImageRow | None:
    """Read one image, whatever its status; None when the id was never used, or its row is gone."""
    row = await reader.fetchrow(
        """
        SELECT id, name, owner, status, visibility, protected, os_hidden, container_format, disk_format, min_disk,
               min_ram, size, virtual_size, checksum, os_hash_algo, os_hash_value, properties, service_properties,
               tags, stores, version, created_at, updated_at, deleted_at, status_before, purge_after,
               restore_requested_at, purge_started_at, staged_until
          FROM images
         WHERE id = $1
        """,
        image_id,
    )
    return row and from_record(row)


async def find_locked(tx: Transaction, image_id: str) -> ImageRow | None:
    """Read one image, whatever its status, and hold it until the transaction ends."""
    row = await tx.fetchrow(
        """
        SELECT id, name, owner, status, visibility, protected, os_hidden, container_format, disk_format, min_disk,
               min_ram, size, virtual_size, checksum, os_hash_algo, os_hash_value, properties, service_properties,
               tags, stores, version, created_at, updated_at, deleted_at, status_before, purge_after,
               restore_requested_at, purge_started_at, staged_until
          FROM images
         WHERE id = $1
           FOR UPDATE
        """,
        image_id,
    )
    return row and from_record(row)


async def list_after(reader: Reader, image_id: str, limit: int) -> list[ImageRow]:
    """Return the images behind an id, in the order of ids; not those that are gone for good."""
    rows = await reader.fetch(
        """
        SELECT id, name, owner, status, visibility, protected, os_hidden, container_format, disk_format, min_disk,
               min_ram, size, virtual_size, checksum, os_hash_algo, os_hash_value, properties, service_properties,
               tags, stores, version, created_at, updated_at, deleted_at, status_before, purge_after,
               restore_requested_at, purge_started_at, staged_until
          FROM images
         WHERE id > $1 AND status <> 'deleted'
         ORDER BY id
         LIMIT $2
        """,
        image_id,
        limit,
    )
    return [from_record(row) for row in rows]


async def lock(tx: Transaction, image_id: str) -> ImageRow:
    """Read one image that clients can see and hold it until the transaction ends. Raises NotFound."""
    image = await find_locked(tx, image_id)
    if image is None or image.status in (Status.PENDING_DELETE, Status.DELETED):
        raise NotFound(f"no image found with ID {image_id}")
    return image


async def save(tx: Transaction, image: ImageRow, *, quietly: bool = False) -> ImageRow:
    """Write a locked row back as it is given, one version on; `updated_at` moves unless `quietly` (IMG-178)."""
    row = await tx.fetchrow(
        """
        UPDATE images
           SET status = $2, name = $3, owner = $4, visibility = $5, protected = $6, os_hidden = $7,
               container_format = $8, disk_format = $9, min_disk = $10, min_ram = $11, size = $12, virtual_size = $13,
               checksum = $14, os_hash_algo = $15, os_hash_value = $16, properties = $17, service_properties = $18,
               tags = $19, stores = $20, deleted_at = $21, status_before = $22, purge_after = $23,
               restore_requested_at = $24, purge_started_at = $25, staged_until = $26, version = version + 1,
               updated_at = CASE WHEN $27 THEN updated_at ELSE clock_timestamp() END
         WHERE id = $1
     RETURNING version, updated_at
        """,
        image.id,
        image.status,
        image.name,
        image.owner,
        image.visibility,
        image.protected,
        image.os_hidden,
        image.container_format,
        image.disk_format,
        image.min_disk,
        image.min_ram,
        image.size,
        image.virtual_size,
        image.checksum,
        image.os_hash_algo,
        image.os_hash_value,
        image.properties,
        image.service_properties,
        image.tags,
        image.stores,
        image.deleted_at,
        image.status_before,
        image.purge_after,
        image.restore_requested_at,
        image.purge_started_at,
        image.staged_until,
        quietly,
    )
    return replace(image, version=row["version"], updated_at=row["updated_at"])


async def move(tx: Transaction, image: ImageRow, target: Status, mover: Mover) -> ImageRow:
    """Take a locked image to another status, and write everything else of the row as given. Raises IllegalMove."""
    lifecycle.check(image.status, target, mover)
    return await save(tx, replace(image, status=target))


def from_record(record: Any) -> ImageRow:
    """Make an ImageRow of a record that has all its columns; further ones are passed over."""
    image = from_listed(record)
    deleted_at, before, purge_after, restore_requested_at, purge_started_at, staged_until = OF_THE_DELETED(record)
    if deleted_at is None and staged_until is None:
        return image
    return replace(
        image,
        deleted_at=deleted_at,
        status_before=before and STATUSES[before],
        purge_after=purge_after,
        restore_requested_at=restore_requested_at,
        purge_started_at=purge_started_at,
        staged_until=staged_until,
    )


def from_listed(record: Any) -> ImageRow:
    """Make an ImageRow of a record that has what is shown of an image; a list makes a thousand of them."""
    image_id, name, owner, status, visibility, *rest = OF_ALL(record)
    return ImageRow(image_id, name, owner, STATUSES[status], VISIBILITIES[visibility], *rest)


STATUSES = {str(status): status for status in Status}
VISIBILITIES = {str(visibility): visibility for visibility in Visibility}
NAMES = [column.name for column in fields(ImageRow)]
OF_ALL = itemgetter(*NAMES[: NAMES.index("updated_at") + 1])
OF_THE_DELETED = itemgetter(*NAMES[NAMES.index("deleted_at") :])
"""The columns are the fields of ImageRow, in its order."""
