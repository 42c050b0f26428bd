"""Look at many images: a page at a time, by key, never by counting (section 10 of the contract)."""

from dataclasses import dataclass
from typing import Any

from glimpse.database import images as rows
from glimpse.database.pool import Reader
from glimpse.errors import Forbidden, Invalid
from glimpse.image import ImageRow
from schemas.vocabulary import GONE
from services.api.actions import seeing
from services.api.caller import Caller
from services.api.filters import Wanted
from services.api.policy.policy import Seen, sees
from services.api.ports import Ports
from services.api.queries import images, listing


@dataclass(frozen=True, slots=True)
class Page:
    """Images in the order that was asked for; `last` is the id that the next page begins after, if there may be one."""

    seen: list[Seen]
    last: str | None


async def page(ports: Ports, caller: Caller, wanted: Wanted) -> Page:
    """Return one page. Raises Forbidden, and Invalid or Forbidden for a marker that can not be used (IMG-288)."""
    ports.policy.require_plainly(caller, "get_images", {"project_id": caller.project, "owner": caller.project})
    async with ports.database.reading() as reader:
        after = None if wanted.marker is None else await _marked(reader, caller, wanted.marker)
        if wanted.limit == 0 or wanted.is_impossible:
            return Page([], None)
        found = await listing.list_page(reader, caller, wanted, after)
        seen = await seeing.located(reader, [_seen(caller, row) for row in found], ports.settings.images)
    last = found[-1]["id"] if len(found) == wanted.limit else None
    return Page([each for each in seen if ports.policy.allows(caller, "get_image", each)], last)


def _seen(caller: Caller, row: Any) -> Seen:
    return Seen(rows.from_listed(row), caller, row["is_member"])


async def _marked(reader: Reader, caller: Caller, marker: str) -> dict[str, Any]:
    """Return the sort columns of the image that a page begins after."""
    image = await rows.find(reader, marker)
    if image is None or (image.status in GONE and not caller.is_admin):
        raise Invalid(f"the marker {marker!r} is no image")
    is_member = not caller.is_admin and await images.is_shared_with(reader, marker, caller.project)
    if not sees(caller, image, is_member=is_member):
        raise Forbidden("Invalid marker: that image is not yours to see.")
    return _columns(image)


def _columns(image: ImageRow) -> dict[str, Any]:
    return {
        "name": image.name,
        "status": image.status,
        "container_format": image.container_format,
        "disk_format": image.disk_format,
        "size": image.size,
        "id": image.id,
        "created_at": image.created_at,
        "updated_at": image.updated_at,
    }
