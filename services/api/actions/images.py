"""What people do with an image's metadata: make it, look at it, change it."""

import functools
import uuid
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from glimpse import quotas, usage
from glimpse.database import images as rows
from glimpse.database.pool import Transaction
from glimpse.errors import Conflict, Forbidden
from glimpse.image import ImageRow, changes, document
from glimpse.lifecycle import Mover
from schemas.events import ImageActivated, ImageCreated, ImageEvent, ImageUpdated
from schemas.vocabulary import Status, Visibility
from services.api import limits, patches
from services.api.actions import placing, seeing
from services.api.caller import Caller
from services.api.drafts import Draft, draft
from services.api.patches import Change
from services.api.places import Places
from services.api.policy.policy import Seen
from services.api.ports import Ports
from services.api.queries import images

DEFAULTS: dict[str, Any] = {
    "name": None,
    "visibility": Visibility.SHARED,
    "protected": False,
    "os_hidden": False,
    "container_format": None,
    "disk_format": None,
    "min_disk": 0,
    "min_ram": 0,
}
"""What an image is when nobody says otherwise (section 6.1)."""


async def create(ports: Ports, caller: Caller, body: dict[str, Any]) -> Seen:
    """Make a new, empty image."""
    async with quotas.telling(ports.database, caller.actor), ports.database.transaction(caller.actor) as tx:
        image = await create_within(tx, ports, caller, body)
    return Seen(image, caller)


async def create_within(tx: Transaction, ports: Ports, caller: Caller, body: dict[str, Any]) -> ImageRow:
    """Make a new, empty image in a transaction that does more than this."""
    wanted = draft(body, ports.fields)
    owner = _permitted_owner(ports, caller, wanted)
    await usage.require_one_more(tx, ports.settings.limits, owner)
    return await _insert(tx, _columns(ports, caller, wanted, owner))


def _columns(ports: Ports, caller: Caller, wanted: Draft, owner: str | None) -> dict[str, Any]:
    """Return the columns of the image that is wanted, once everything about it is allowed (IMG-255)."""
    wanted.refuse_read_only()
    tags = wanted.base.get("tags", [])
    limits.check_tags(len(tags), ports.settings.images)
    limits.check_properties(len(wanted.properties) + wanted.ignored, ports.settings.images)
    for name in wanted.properties:
        if not ports.protections.allows(caller, "create", name):
            raise Forbidden(f"Attribute '{name}' is reserved.")
    _check_stored({**wanted.base, **wanted.properties})
    values = {"id": str(uuid.uuid4()), **DEFAULTS, **wanted.base, "owner": owner, "properties": wanted.properties}
    return {**values, "tags": list(dict.fromkeys(tags))}


async def _insert(tx: Transaction, values: dict[str, Any]) -> ImageRow:
    """Write a new image down, and tell of it. Raises Conflict when its id was ever used (IMG-257)."""
    image = await images.insert(tx, values)
    if image is None:
        raise Conflict(f"Image ID {values['id']} already exists!")
    await tx.emit(ImageCreated(subject=image.id, version=image.version, image=document(image)))
    return image


async def show(ports: Ports, caller: Caller, image_id: str) -> Seen:
    """Look at one image."""
    async with ports.database.reading() as reader:
        seen = await seeing.find(reader, caller, image_id)
        (seen,) = await seeing.located(reader, [seen], ports.settings.images)
    ports.policy.require("get_image", seen)
    return seen


async def update(ports: Ports, caller: Caller, image_id: str, wanted: Sequence[Change]) -> Seen:
    """Change metadata: every change, or none."""
    if not wanted:  # nothing is checked but that the caller can see it (IMG-147, AC-17)
        return await show(ports, caller, image_id)
    may = functools.partial(ports.protections.allows, caller)

    def applied(seen: Seen, places: Places) -> ImageRow:
        return patches.applied(seen.image, wanted, ports.fields, lambda each: _permit(ports, seen, each), may, places)

    known = await placing.look_up(ports, caller, image_id, wanted, applied)
    async with quotas.telling(ports.database, caller.actor), ports.database.transaction(caller.actor) as tx:
        seen = await seeing.lock(tx, caller, image_id)
        places = await placing.places(tx, ports, seen.image, known)
        image = applied(seen, places)
        _check_limits(ports, seen.image, image, wanted)
        if places.is_changed:
            image = await placing.write(tx, ports, image, places)
        saved = await _saved(tx, seen.image, image, places.status)
        (seen,) = await seeing.located(tx, [replace(seen, image=saved)], ports.settings.images)
    return seen


async def _saved(tx: Transaction, before: ImageRow, image: ImageRow, status: Status) -> ImageRow:
    """Write a changed image, and tell; one that got its bytes by that is active now (IMG-362)."""
    if status is before.status:
        saved = await rows.save(tx, image)
        told: list[ImageEvent] = [ImageUpdated(subject=saved.id, version=saved.version, image=document(saved))]
    else:
        saved = await rows.move(tx, image, status, Mover.API)
        told = [  # one move, one version: it is the last one's
            ImageUpdated(subject=saved.id, image=document(saved)),
            ImageActivated(subject=saved.id, version=saved.version, image=document(saved)),
        ]
    for event in told:
        await tx.emit(event.model_copy(update={"previous": changes(before, saved)}))
    return saved


def _permitted_owner(ports: Ports, caller: Caller, wanted: Draft) -> str | None:
    """Return whose the image is to be. Raises Forbidden (IMG-115, IMG-119, IMG-120, IMG-259)."""
    owner: str | None = wanted.base.get("owner", caller.project)
    if owner != caller.project and not caller.is_admin:
        raise Forbidden(f"You are not permitted to create images owned by '{owner}'")
    if owner is None and not caller.is_admin:
        raise Forbidden("Without a project there is nobody to own an image: ask with a token of one.")
    visibility = wanted.base.get("visibility", "private")  # what the rules are asked about (AC-3)
    target = {"project_id": owner, "owner": owner, "visibility": visibility}
    ports.policy.require_plainly(caller, "add_image", target)
    if visibility in PUBLISHING:
        ports.policy.require_plainly(caller, PUBLISHING[visibility], target)
    return owner


PUBLISHING = {Visibility.PUBLIC: "publicize_image", Visibility.COMMUNITY: "communitize_image"}


def _permit(ports: Ports, seen: Seen, change: Change) -> None:
    """Raise unless a change is the caller's to make (AC-17, AC-91)."""
    if change.name == "locations":
        if change.op == "replace" and not change.value:  # before anybody is asked for rights (AC-91)
            raise Forbidden("Cannot set locations to empty list.")
        ports.policy.require("delete_image_location" if change.op == "remove" else "set_image_location", seen)
        if not ports.settings.images.show_locations:
            raise Forbidden("It's not allowed to change locations if locations are invisible.")
        return
    if change.name == "owner" and not seen.caller.is_admin:
        raise Forbidden("Owner can't be updated by non admin.")
    if change.name == "visibility" and change.value in PUBLISHING:
        ports.policy.require_plainly(seen.caller, PUBLISHING[change.value], seen)
    ports.policy.require("modify_image", seen)


def _check_limits(ports: Ports, before: ImageRow, after: ImageRow, wanted: Sequence[Change]) -> None:
    rules = ports.settings.images
    for change in wanted:
        if change.name == "tags":
            limits.check_tags(len(change.value), rules)
    if after.properties.keys() - before.properties.keys():
        limits.check_properties(len(after.properties), rules)
    for change in wanted:
        _check_stored({change.name: change.value})


def _check_stored(members: dict[str, Any]) -> None:
    """Raise Invalid for what the database can not keep: the last thing that is looked at (IMG-255, IMG-324)."""
    for name, value in members.items():
        limits.check_amount(name, value)
    limits.check_characters(members)
