"""Find an image as its caller sees it; what is hidden from the caller is not there (IMG-111)."""

from collections.abc import Sequence
from dataclasses import replace

from glimpse import settings
from glimpse.database import blobs
from glimpse.database import images as rows
from glimpse.database.pool import Reader, Transaction
from glimpse.errors import NotFound
from schemas.vocabulary import Visibility
from services.api.caller import Caller
from services.api.policy.policy import Seen, sees
from services.api.queries import images


async def find(reader: Reader, caller: Caller, image_id: str) -> Seen:
    """Read an image. Raises NotFound where there is none for this caller."""
    found = await images.find_live(reader, image_id, caller.project)
    if found is None or not sees(caller, found[0], is_member=found[1]):
        raise NotFound(f"no image found with ID {image_id}")
    return Seen(found[0], caller, found[1])


async def located(reader: Reader, seen: Sequence[Seen], rules: settings.Images) -> list[Seen]:
    """Say of images where their bytes are, in a deployment that shows it; one statement for all (IMG-14, IMG-15)."""
    shows = rules.show_direct_url or rules.show_locations
    with_bytes = [each.image.id for each in seen if each.image.stores] if shows else []
    if not with_bytes:
        return list(seen)
    copies = await blobs.list_copies_of(reader, with_bytes)
    return [replace(each, copies=copies.get(each.image.id, [])) for each in seen]


async def lock(tx: Transaction, caller: Caller, image_id: str) -> Seen:
    """Read an image and hold it until the transaction ends. Raises NotFound where there is none for this caller."""
    image = await rows.lock(tx, image_id)
    is_member = False
    if image.visibility is Visibility.SHARED and image.owner != caller.project and caller.project is not None:
        is_member = await images.is_shared_with(tx, image_id, caller.project)
    if not sees(caller, image, is_member=is_member):
        raise NotFound(f"no image found with ID {image_id}")
    return Seen(image, caller, is_member)
