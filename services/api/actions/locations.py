"""Add a location to a queued image, and look at those of one (section 22); the importer does the rest."""

import asyncio
import uuid
from dataclasses import replace
from typing import Any

from glimpse import imports as marks
from glimpse.database import blobs
from glimpse.database import images as rows
from glimpse.errors import Conflict, Forbidden, Invalid
from glimpse.image import document
from schemas.events import ImportRequested
from schemas.vocabulary import Status, TaskType
from services.api import view
from services.api.actions import imports, seeing
from services.api.caller import Caller
from services.api.location_bodies import NewLocation
from services.api.places import is_digest
from services.api.ports import Ports
from services.api.queries import tasks

SERVICE = "service"


async def add(ports: Ports, caller: Caller, image_id: str, wanted: NewLocation) -> None:
    """Write the task that adds a location down, and lock the image for it (IMG-544, AC-92)."""
    async with ports.database.transaction(caller.actor) as tx:
        seen = await seeing.lock(tx, caller, image_id)
        image = seen.image
        if image.status is not Status.QUEUED:
            raise Conflict(f"image {image_id} is {image.status}: only a queued one gets its bytes by a location")
        ports.policy.require("add_image_location", seen)
        _check_reach(ports, caller, wanted)
        if wanted.said and not is_digest(wanted.said["os_hash_algo"], wanted.said["os_hash_value"]):
            raise Invalid(f"os_hash_value is no digest of {wanted.said['os_hash_algo']}, in hex")
        await imports.check_lock(tx, image)
        image = await imports.unlocked(tx, ports, image)
        task_id = str(uuid.uuid4())
        given = {"image_id": image_id, "loc_url": wanted.shown_url, "validation_data": wanted.said}
        await tasks.insert(tx, task_id, TaskType.LOCATION_IMPORT, image_id, caller, given)
        told = {**image.service_properties, marks.LOCK: task_id}
        row = await rows.save(tx, replace(image, service_properties=told))
        await tx.emit(
            ImportRequested(
                subject=image_id,
                version=row.version,
                image=document(row),
                task_id=task_id,
                method=TaskType.LOCATION_IMPORT,
                stores=[],
            )
        )


async def listed(ports: Ports, caller: Caller, image_id: str) -> list[dict[str, Any]]:
    """Return where an image's bytes are, for services, whatever is shown to others (IMG-556, IMG-557)."""
    async with ports.database.reading() as reader:
        seen = await seeing.find(reader, caller, image_id)
        ports.policy.require("fetch_image_location", seen)
        copies = await blobs.list_copies(reader, image_id)
    return await asyncio.to_thread(view.locations, ports, view.known(ports, copies))


def _check_reach(ports: Ports, caller: Caller, wanted: NewLocation) -> None:
    """Raise Forbidden for other than web URLs, unless a service asks: those reach into our stores (IMG-553, AC-69)."""
    if SERVICE in {role.lower() for role in caller.roles | caller.service_roles}:
        return
    if not wanted.is_web or not any(store.kind == "http" for store in ports.catalog.listed()):
        raise Forbidden("only http(s) URLs can be added, and only where a store of the kind http is configured")
