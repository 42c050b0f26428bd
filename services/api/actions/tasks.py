"""Look at the work on images, and ask for some in the old way (sections 19 and 25 of the contract)."""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from glimpse import addresses
from glimpse.database.pool import Reader, Transaction
from glimpse.errors import Forbidden, GlimpseError, Invalid, NotFound
from schemas.vocabulary import ImportMethod, TaskType
from services.api.actions import images, imports, seeing
from services.api.caller import Caller
from services.api.ports import Ports
from services.api.queries import tasks
from services.api.queries.tasks import TaskRow
from services.api.task_filters import WantedTasks

INVALID_INPUT = "invalid_input"
"""The code of a task that could not begin."""


@dataclass(frozen=True, slots=True)
class Page:
    """Tasks in the order that was asked for; `last` is the id that the next page begins after, if there may be one."""

    tasks: list[TaskRow]
    last: str | None


def require_access(ports: Ports, caller: Caller) -> None:
    """Raise Forbidden unless the Tasks API is the caller's to use: before anything else is looked at (IMG-586)."""
    ports.policy.require_plainly(caller, "tasks_api_access", {})


async def list_of_image(ports: Ports, caller: Caller, image_id: str) -> list[TaskRow]:
    """Look at the work on one image, as far as it is the caller's project's (IMG-503)."""
    async with ports.database.reading() as reader:
        seen = await seeing.find(reader, caller, image_id)
        ports.policy.require("get_image", seen)
        return await tasks.list_of_image(reader, image_id, caller.project, everybody=caller.is_admin)


async def page(ports: Ports, caller: Caller, wanted: WantedTasks) -> Page:
    """Return one page. Raises Invalid for a marker that is no task (IMG-590)."""
    async with ports.database.reading() as reader:
        if wanted.marker is not None and await _find(reader, caller, wanted.marker) is None:
            raise Invalid(f"the marker {wanted.marker!r} is no task")
        found = await tasks.list_page(reader, wanted, caller.project, everybody=caller.is_admin)
    return Page(found, found[-1].id if found and len(found) == wanted.limit else None)


async def show(ports: Ports, caller: Caller, task_id: str) -> TaskRow:
    """Look at one task. Raises NotFound for one that nobody may see any more, too."""
    async with ports.database.reading() as reader:
        found = await _find(reader, caller, task_id)
    if found is None:
        raise NotFound(f"no task found with ID {task_id}")
    return found


async def create(ports: Ports, caller: Caller, kind: TaskType, given: dict[str, Any] | None) -> TaskRow:
    """Write a task down as it is at first, pending; one that can not begin has ended by the next look (IMG-726)."""
    if kind is TaskType.IMPORT:
        addresses.check_uri(_source(given), ports.settings.import_)
    task_id, image_id, reason = str(uuid.uuid4()), None, None
    async with ports.database.transaction(caller.actor) as tx:
        try:
            image_id = await _begin(tx, ports, caller, task_id, kind, given or {})
        except GlimpseError as error:
            reason = error.message
        task = await tasks.insert(tx, task_id, kind, image_id, caller, given)
        if reason is not None:
            live = timedelta(hours=ports.settings.import_.task_time_to_live_hours)
            await tasks.end_badly(tx, task_id, INVALID_INPUT, reason, live)
    return task


async def _find(reader: Reader, caller: Caller, task_id: str) -> TaskRow | None:
    return await tasks.find(reader, task_id, caller.project, everybody=caller.is_admin)


def _source(given: dict[str, Any] | None) -> str:
    source = (given or {}).get("import_from")
    if not isinstance(source, str) or not source:
        raise Invalid("input needs import_from: the http(s) URI of the bytes")
    return source


async def _begin(
    tx: Transaction, ports: Ports, caller: Caller, task_id: str, kind: TaskType, given: dict[str, Any]
) -> str:
    """Make the image that a task is to fill, and lock it; returns its id. Writes nothing when it raises."""
    if kind is not TaskType.IMPORT:
        raise Invalid(f"a task of type {kind} comes with the request for its work; one made by hand starts nothing")
    if ImportMethod.WEB_DOWNLOAD not in ports.settings.import_.methods:
        raise Forbidden(f"{ImportMethod.WEB_DOWNLOAD} is switched off here, and nothing can be fetched without it")
    image = await images.create_within(tx, ports, caller, _image_of(ports, caller, given))
    await imports.begin(tx, image, task_id, ImportMethod.WEB_DOWNLOAD, [ports.catalog.default])
    return image.id


def _image_of(ports: Ports, caller: Caller, given: dict[str, Any]) -> dict[str, Any]:
    """Return the create body of a task's image. Raises Invalid and Forbidden."""
    declared, properties = given.get("import_from_format"), given.get("image_properties")
    if not isinstance(declared, str) or not declared:
        raise Invalid("input needs import_from_format: the disk format of the bytes")
    if not isinstance(properties, dict):
        raise Invalid("input needs image_properties: an object with what the image is to be")
    if properties.get("owner", caller.project) != caller.project:
        raise Forbidden("the image of a task belongs to the project that the task belongs to")
    asked = properties.get("disk_format")
    if asked not in (None, declared, ports.settings.import_.convert_to):  # nobody would make the one of the other
        raise Invalid(f"import_from_format is {declared}, but image_properties says disk_format {asked}")
    container = properties.get("container_format") or "bare"
    return {**properties, "disk_format": declared, "container_format": container}
