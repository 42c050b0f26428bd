"""Unified limits: how much each project may have, as the identity service keeps it (IMG-19, IMG-637 to IMG-642)."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import aiohttp
import orjson
import structlog
from pydantic import BaseModel, Field, ValidationError

from glimpse.errors import Unavailable
from glimpse.keystone import wire
from glimpse.keystone.wire import Wire
from glimpse.settings import Limits, Settings
from glimpse.settings.limits import UNLIMITED, ProjectLimits

log = structlog.get_logger()

RESOURCES: Mapping[str, str] = {
    "image_size_total": "image_size_total_mib",
    "image_stage_total": "image_stage_total_mib",
    "image_count_total": "image_count_total",
    "image_count_uploading": "image_count_uploading",
}
"""Their names there, and those of our settings; both count in MiB."""
AGAIN_SECONDS = 1.0
"""How soon they are asked for again while nobody knows them."""


class Said(BaseModel):
    """What it says of one limit."""

    resource_name: str
    region_id: str | None = None
    """None is every region."""


class Registered(Said):
    """The limit of everybody."""

    default_limit: int = Field(ge=UNLIMITED, strict=True)


class Own(Said):
    """The limit of one project, or of a domain."""

    project_id: str | None = None
    resource_limit: int = Field(ge=UNLIMITED, strict=True)


Kept = TypeVar("Kept", bound=Said)


def are_kept_there(limits: Limits) -> bool:
    """Say whether limits are to be asked for."""
    return limits.enabled and limits.source == "keystone"


async def follow(told: Settings, take: Callable[[Limits], None], stop: asyncio.Event) -> None:
    """Ask for the limits every now and then, and hand them over, until asked to stop."""
    is_known = False
    async with wire.opened(told.auth) as asked:
        while not stop.is_set():
            try:
                take(await fetched(asked, told))
                is_known = True
            except Unavailable as error:
                log.warning("limits are not known anew", reason=error.message)
            pause = told.limits.keystone_seconds if is_known else AGAIN_SECONDS
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause)


async def fetched(asked: Wire, told: Settings) -> Limits:
    """Return the limits of now. Raises Unavailable where they can not be had, in full."""
    try:
        return await _fetched(asked, told)
    except (aiohttp.ClientError, OSError, ValueError, KeyError, TypeError) as error:  # ValidationError is a ValueError
        reason = "a number makes no sense" if isinstance(error, ValidationError) else type(error).__name__
        raise Unavailable(f"the identity service does not say what projects may have: {reason}") from None


async def _fetched(asked: Wire, told: Settings) -> Limits:
    kind = told.auth.keystone_service_type
    service = (await asked.services()).get(kind)
    if service is None:
        raise Unavailable(f"there is no service of the type {kind} in the catalogue, which limits could be of")
    query = {"service_id": service}
    region = told.auth.keystone_region
    for_all = here(Registered, await _list(asked, "registered_limits", query), region)
    for_some = here(Own, await _list(asked, "limits", query), region)
    everybody = dict.fromkeys(RESOURCES.values(), 0)  # what is not registered is nothing
    everybody |= {RESOURCES[each.resource_name]: each.default_limit for each in for_all}
    projects: dict[str, dict[str, int]] = {}
    for each in for_some:
        if each.project_id:
            projects.setdefault(each.project_id, {})[RESOURCES[each.resource_name]] = each.resource_limit
    own = {project: ProjectLimits.model_validate(numbers) for project, numbers in projects.items()}
    return told.limits.known({**everybody, "projects": own})


async def _list(asked: Wire, name: str, query: Mapping[str, str]) -> list[Any]:
    status, body = await asked.get(f"/{name}", query)
    if status != 200:
        raise Unavailable(f"it answers {status} when it is asked for {name}")
    found = orjson.loads(body)
    if not isinstance(found, dict) or not isinstance(found.get(name), list):
        raise Unavailable(f"it answers with no list of {name}")
    if found.get("truncated"):
        raise Unavailable(f"it does not list all {name}: raise list_limit there")
    return list(found[name])


def here(kind: type[Kept], found: Sequence[Any], region: str | None) -> list[Kept]:
    """Return what counts in a region, the one that beats others after them. Raises ValidationError.

    What is said of the region beats what is said of all; where we do not know ours, it is the other way round.
    """
    known = [kind.model_validate(each) for each in found]
    counts = [
        each
        for each in known
        if each.resource_name in RESOURCES and (region is None or each.region_id in (None, region))
    ]
    return sorted(counts, key=lambda each: ((each.region_id is None) == (region is None), each.region_id or ""))
