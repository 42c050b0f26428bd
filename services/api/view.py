"""How images, members and tasks look to their caller."""

from typing import Any

from glimpse.image import document, timestamp
from schemas.vocabulary import Status
from services.api.policy.policy import Seen
from services.api.ports import Ports
from services.api.queries.members import Member


def image(ports: Ports, seen: Seen) -> dict[str, Any]:
    """Show an image as section 6 of the contract has it: where its copies are, too, where the caller may know."""
    shown = document(seen.image)
    hidden = seen.image.status is Status.DEACTIVATED and not seen.caller.is_admin  # IMG-179
    if hidden or not ports.settings.api.multi_store:
        shown.pop("stores", None)
    elif len(seen.image.stores) > 1:
        shown["stores"] = ",".join(ports.catalog.by_weight(seen.image.stores))  # IMG-176
    return shown


def member(found: Member) -> dict[str, Any]:
    """Show a member as section 21 of the contract has it."""
    return {
        "member_id": found.member,
        "image_id": found.image_id,
        "status": found.status,
        "created_at": timestamp(found.created_at),
        "updated_at": timestamp(found.updated_at),
        "schema": "/v2/schemas/member",
    }
