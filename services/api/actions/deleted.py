"""Look at deleted images, to know what can be restored, and until when (IMG-742)."""

from glimpse.database import images as rows
from glimpse.errors import Invalid, NotFound
from schemas.vocabulary import GONE
from services.api.actions.listing import Page
from services.api.caller import Caller
from services.api.deleted_filters import WantedDeleted
from services.api.policy.policy import Seen
from services.api.ports import Ports
from services.api.queries import deleted


def require_access(ports: Ports, caller: Caller) -> None:
    """Raise NotFound for all who may not restore: to them there is nothing here, as ever."""
    if not ports.policy.allows(caller, "restore_image", {"project_id": caller.project, "owner": caller.project}):
        raise NotFound("no image found with ID deleted")


async def page(ports: Ports, caller: Caller, wanted: WantedDeleted) -> Page:
    """Return one page, of the caller's project or, to administrators, of all. Raises Invalid for a bad marker."""
    owner = wanted.owner if caller.is_admin else caller.project
    if not caller.is_admin and (owner is None or wanted.owner not in (None, owner)):
        return Page([], None)
    async with ports.database.reading() as reader:
        after = None
        if wanted.marker is not None:
            marked = await rows.find(reader, wanted.marker)
            if marked is None or marked.status not in GONE or marked.deleted_at is None:
                raise Invalid(f"the marker {wanted.marker!r} is no deleted image")
            after = (marked.deleted_at, marked.id)
        found = await deleted.list_page(reader, wanted, owner, after)
    last = found[-1].id if found and len(found) == wanted.limit else None
    return Page([Seen(image, caller) for image in found], last)
