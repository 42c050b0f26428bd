"""An image inside the house, and how it looks to those outside."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from schemas.vocabulary import Status, Visibility


@dataclass(slots=True)
class ImageRow:
    """One row of `images`, with the columns' names.

    Nobody assigns to its fields, `replace` makes the next one. It is not frozen only because a list makes a thousand
    of them for a page, and that would take ten times as long.
    """

    id: str
    name: str | None
    owner: str | None
    status: Status
    visibility: Visibility
    protected: bool
    os_hidden: bool
    container_format: str | None
    disk_format: str | None
    min_disk: int
    min_ram: int
    size: int | None
    virtual_size: int | None
    checksum: str | None
    os_hash_algo: str | None
    os_hash_value: str | None
    properties: dict[str, str]
    """What users made (IMG-181)."""
    service_properties: dict[str, str]
    """What the house made: `os_glance_*` and `os_glimpse_*` (IMG-202, IMG-723)."""
    tags: list[str]
    stores: list[str]
    """The stores that hold a whole copy, in the order in which they got it."""
    version: int
    created_at: datetime
    updated_at: datetime
    deleted_at: datetime | None = None
    status_before: Status | None = None
    """What a restore gives back (IMG-716)."""
    purge_after: datetime | None = None
    restore_requested_at: datetime | None = None
    purge_started_at: datetime | None = None
    staged_until: datetime | None = field(default=None)
    """Until when staged bytes of a failed import can be used again (IMG-721)."""


HIDDEN = frozenset({"os_glance_stage_host", "os_glance_hash_op_host"})
"""Service properties that are never shown (IMG-205)."""


def document(image: ImageRow, *, keep_times: bool = False) -> dict[str, Any]:
    """Show an image as the API does (section 6 of the contract), without locations; `stores` when it has any.

    `keep_times` leaves times as they are to who makes JSON of them: writing them is half of the work.
    """
    there = f"/v2/images/{image.id}"
    shown: dict[str, Any] = {
        "id": image.id,
        "name": image.name,
        "status": image.status,
        "visibility": image.visibility,
        "protected": image.protected,
        "os_hidden": image.os_hidden,
        "owner": image.owner,
        "container_format": image.container_format,
        "disk_format": image.disk_format,
        "min_disk": image.min_disk,
        "min_ram": image.min_ram,
        "size": image.size,
        "virtual_size": image.virtual_size,
        "checksum": image.checksum,
        "os_hash_algo": image.os_hash_algo,
        "os_hash_value": image.os_hash_value,
        "created_at": image.created_at if keep_times else timestamp(image.created_at),
        "updated_at": image.updated_at if keep_times else timestamp(image.updated_at),
        "tags": image.tags,
        "self": there,
        "file": f"{there}/file",
        "schema": "/v2/schemas/image",
    }
    if image.stores:
        shown["stores"] = ",".join(image.stores)
    if image.service_properties:
        told = {name: value for name, value in image.service_properties.items() if name not in HIDDEN}
        return {**image.properties, **told, **shown}
    return {**image.properties, **shown} if image.properties else shown


def changes(before: ImageRow, after: ImageRow) -> dict[str, Any]:
    """Return what the members that differ between two states of an image were before; new ones were None."""
    old, new = document(before), document(after)
    differing = (name for name in old.keys() | new.keys() if old.get(name) != new.get(name))
    return {name: old.get(name) for name in sorted(differing) if name != "updated_at"}


def remains(image: ImageRow) -> ImageRow:
    """Return what is kept of an image that is gone for good: what it was, not what users said about it (IMG-373)."""
    return replace(
        image, properties={}, service_properties={}, tags=[], stores=[], restore_requested_at=None, staged_until=None
    )


def timestamp(moment: datetime) -> str:
    """Write a time as the API does: UTC, whole seconds, `Z` (IMG-177)."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.isoformat()[:19]}Z"  # a third of the time that strftime takes
