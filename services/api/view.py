"""How images, members, tasks and stores look to their caller."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from glimpse.database.blobs import Location
from glimpse.image import document, timestamp
from glimpse.stores.store import Store
from schemas.vocabulary import Status, TaskType
from services.api.policy.policy import Seen
from services.api.ports import Ports
from services.api.queries.members import Member
from services.api.queries.tasks import TaskRow

NAME_STORES = ("os_glance_importing_to_stores", "os_glance_failed_import")
"""Properties that are empty where stores have no names (IMG-203, IMG-204)."""


async def images(ports: Ports, several: Sequence[Seen]) -> list[dict[str, Any]]:
    """Show images as section 6 of the contract has them: where their copies are, too, where that is shown."""
    if any(seen.copies for seen in several):  # a store may have to look at its disk
        return await asyncio.to_thread(lambda: [_image(ports, seen) for seen in several])
    return [_image(ports, seen) for seen in several]


async def image(ports: Ports, seen: Seen) -> dict[str, Any]:
    """Show one image: see `images`."""
    return (await images(ports, [seen]))[0]


def _image(ports: Ports, seen: Seen) -> dict[str, Any]:
    shown = document(seen.image, keep_times=True)
    for name in ports.protections.hidden(seen.caller, seen.image.properties):
        shown.pop(name, None)
    hidden = seen.image.status is Status.DEACTIVATED and not seen.caller.is_admin  # IMG-179
    if hidden or not ports.settings.api.multi_store:
        shown.pop("stores", None)
    elif len(seen.image.stores) > 1:
        shown["stores"] = ",".join(ports.catalog.by_weight(seen.image.stores))  # IMG-176
    if not ports.settings.api.multi_store:
        shown.update({name: "" for name in NAME_STORES if name in shown})
    rules = ports.settings.images
    if rules.show_locations or seen.copies:
        copies = [] if hidden or not _may_see_copies(ports, seen) else known(ports, seen.copies)
        if rules.show_locations:
            shown["locations"] = locations(ports, copies)
        if rules.show_direct_url and copies:
            shown["direct_url"] = url(ports, ports.catalog.sorted_by_weight(copies)[0])  # IMG-174
    return shown


def deleted(ports: Ports, seen: Seen) -> dict[str, Any]:
    """Show a deleted image: what it was, since when it is gone, and until when it can be restored (IMG-742)."""
    image = seen.image
    waits = image.status is Status.PENDING_DELETE and image.purge_started_at is None
    until = image.purge_after if waits and image.restore_requested_at is None else None
    shown = _image(ports, seen)
    for link in ("self", "file", "schema"):  # nobody would find anything there
        del shown[link]
    return shown | {
        "deleted_at": None if image.deleted_at is None else timestamp(image.deleted_at),
        "restorable": waits,
        "restorable_until": None if until is None else timestamp(until),
        "restore_requested_at": None if image.restore_requested_at is None else timestamp(image.restore_requested_at),
    }


def _may_see_copies(ports: Ports, seen: Seen) -> bool:
    """Say whether a caller is shown where the bytes are: everybody is, unless the operator's rules say who (AC-90)."""
    rule = "get_image_location"
    return rule not in ports.policy.said or ports.policy.allows(seen.caller, rule, seen)


def locations(ports: Ports, copies: Sequence[Location]) -> list[dict[str, Any]]:
    """Show where copies are, and what is said about each; stores may have to look at their disks (IMG-363)."""
    names = ports.settings.api.multi_store
    return [
        {"url": url(ports, copy), "metadata": {**copy.metadata, **({"store": copy.store} if names else {})}}
        for copy in copies
    ]


def known(ports: Ports, copies: Sequence[Location]) -> list[Location]:
    """Return the copies in stores that are configured: of others nobody knows a URL."""
    return [copy for copy in copies if copy.store in ports.catalog.names]


def url(ports: Ports, copy: Location) -> str:
    """Return where a copy is, without credentials (IMG-724)."""
    return ports.catalog.get(copy.store).url(copy.key)


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


def task_stub(found: TaskRow) -> dict[str, Any]:
    """Show a task as lists do (IMG-581)."""
    shown = {
        "id": found.id,
        "type": found.type,
        "status": found.status,
        "owner": found.owner,
        "created_at": timestamp(found.created_at),
        "updated_at": timestamp(found.updated_at),
        "self": f"/v2/tasks/{found.id}",
        "schema": "/v2/schemas/task",
    }
    if found.expires_at is not None:
        shown["expires_at"] = timestamp(found.expires_at)
    return shown


def task(ports: Ports, found: TaskRow) -> dict[str, Any]:
    """Show a task as section 25 of the contract has it; what is not set is left out (IMG-579)."""
    shown = task_stub(found) | {"input": _input(ports, found), "result": found.result, "message": found.message}
    known = {"image_id": found.image_id, "request_id": found.request_id, "user_id": found.user_id}
    return shown | {name: value for name, value in known.items() if value is not None}


def task_of_image(ports: Ports, found: TaskRow) -> dict[str, Any]:
    """Show a task as the record that clients of section 19 know (IMG-504), and how far it is (IMG-729)."""
    return {
        "id": found.id,
        "type": found.type,
        "status": found.status,
        "owner": found.owner,
        "expires_at": _record_time(found.expires_at),
        "created_at": _record_time(found.created_at),
        "updated_at": _record_time(found.updated_at),
        "deleted_at": None,
        "deleted": False,
        "image_id": found.image_id,
        "request_id": found.request_id,
        "user_id": found.user_id,
        "input": _input(ports, found),
        "result": found.result,
        "message": found.message,
        "progress": found.progress and {name: found.progress.get(name) for name in PROGRESS},
        "error": found.error_code and {"code": found.error_code, "message": found.error_message or found.message},
    }


def stores(ports: Ports) -> list[dict[str, Any]]:
    """Show the stores that users may name, in configured order (IMG-569); what is not so is not said."""
    return [_store(store, ports.catalog.default) for store in ports.catalog.listed()]


def stores_in_detail(ports: Ports) -> list[dict[str, Any]]:
    """Show what the stores are, too (IMG-570 to IMG-576)."""
    return [
        _store(store, ports.catalog.default)
        | {"type": store.kind, "weight": store.weight, "properties": store.properties()}
        for store in ports.catalog.listed()
    ]


def _store(store: Store, default: str) -> dict[str, Any]:
    shown = {"id": store.name}
    if store.description:
        shown["description"] = store.description
    if store.read_only:
        shown["read-only"] = "true"
    if store.name == default:
        shown["default"] = "true"
    return shown


PROGRESS = ("phase", "bytes_done", "bytes_total", "percent", "eta_at")


def _input(ports: Ports, found: TaskRow) -> dict[str, Any] | None:
    """Return what a task was given; where stores have no names, it names none (IMG-505)."""
    if found.type is TaskType.API_IMAGE_IMPORT and found.input and not ports.settings.api.multi_store:
        return {**found.input, "backend": [None]}
    return found.input


def _record_time(moment: datetime | None) -> str | None:
    """Write a time as those records have it: to the microsecond, and without a `Z`."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
