"""Locations that a PATCH names: looked up before the image is locked, written down while it is (section 12)."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from glimpse import quotas
from glimpse.database import blobs
from glimpse.database.pool import Reader, Transaction
from glimpse.errors import Conflict, GlimpseError, Invalid, NotFound, StoreError
from glimpse.image import ImageRow
from services.api import view
from services.api.actions import seeing
from services.api.caller import Caller
from services.api.patches import Change
from services.api.places import Found, Place, Places
from services.api.policy.policy import Seen
from services.api.ports import Ports

CHANGED = "the image was changed meanwhile: try again"


@dataclass(frozen=True, slots=True)
class LookedUp:
    """What is known of URLs before the image is locked: nothing is asked of a server under a lock."""

    is_needed: bool = False
    """Whether the changes are about locations at all."""
    shown: dict[int, str] = field(default_factory=dict)
    """The URL of each copy, by its row."""
    found: dict[str, Found | Invalid] = field(default_factory=dict)


async def look_up(
    ports: Ports, caller: Caller, image_id: str, wanted: Sequence[Change], apply: Callable[[Seen, Places], object]
) -> LookedUp:
    """Ask what there is at each new URL that the changes come to, as far as the caller may make them.

    The changes are tried here without effect, so that nobody makes us ask who may not; what is wrong with them is
    said when they are made.
    """
    if not any(change.name == "locations" for change in wanted):
        return LookedUp()
    asked: dict[str, None] = {}

    def note(url: str) -> Found:
        asked[url] = None
        return Found("", "", size or 1)

    async with ports.database.reading() as reader:
        seen = await seeing.find(reader, caller, image_id)
        copies = await blobs.list_copies(reader, image_id)
    size = seen.image.size
    shown = await asyncio.to_thread(lambda: {copy.id: view.url(ports, copy) for copy in view.known(ports, copies)})
    with contextlib.suppress(GlimpseError):
        apply(seen, Places(seen.image, _held(copies, shown), note, ports.settings.images))
    found = await asyncio.gather(*(_look(ports, url) for url in asked))
    return LookedUp(True, shown, dict(zip(asked, found, strict=True)))


async def places(reader: Reader, ports: Ports, image: ImageRow, known: LookedUp) -> Places:
    """Return the locations of a locked image, for changes to be made to them.

    Raises Conflict when it got copies since they were looked up: they would be taken for removed ones.
    """

    def find(url: str) -> Found:
        found = known.found.get(url)
        if found is None:
            raise Conflict(CHANGED)
        if isinstance(found, Invalid):
            raise found
        return found

    copies = await blobs.list_copies(reader, image.id) if known.is_needed else []
    if any(copy.id not in known.shown for copy in view.known(ports, copies)):
        raise Conflict(CHANGED)
    return Places(image, _held(copies, known.shown), find, ports.settings.images)


async def write(tx: Transaction, ports: Ports, image: ImageRow, changed: Places) -> ImageRow:
    """Write changed locations of a locked image down; returns it with what they make of it, its status as it was.

    Raises Invalid for an image without formats, TooLarge when the project has no room for so many copies.
    """
    if changed.status is not image.status and None in (image.disk_format, image.container_format):
        raise Invalid("set disk_format and container_format first: they say what the bytes are")
    row = changed.applied_to(image)
    news = [place.found for place in changed.listed if place.found is not None]
    await quotas.require(tx, quotas.of_stored(ports.settings, image.owner), sum(found.size for found in news))
    before = await blobs.list_copies(tx, image.id)
    kept = {place.copy for place in changed.listed}
    gone = [copy.id for copy in view.known(ports, before) if copy.id not in kept]
    await blobs.doom_these(tx, gone)
    ids = [place.copy or await _insert(tx, image.id, place) for place in changed.listed]
    await blobs.arrange(tx, ids, [place.metadata for place in changed.listed])
    if changed.status is not image.status:
        await blobs.doom_staged(tx, image.id)  # what a failed import left (IMG-721)
        row = replace(row, staged_until=None)
    stores = dict.fromkeys(copy.store for copy in await blobs.list_copies(tx, image.id))
    return replace(row, stores=list(stores))


async def _insert(tx: Transaction, image_id: str, place: Place) -> int:
    assert place.found is not None, "a place that has no row was found just now"
    return await blobs.insert_location(
        tx, image_id, place.found.store, place.found.key, place.found.size, place.metadata
    )


def _held(copies: Sequence[blobs.Location], shown: dict[int, str]) -> list[Place]:
    return [Place(shown[copy.id], dict(copy.metadata), copy.id) for copy in copies if copy.id in shown]


async def _look(ports: Ports, url: str) -> Found | Invalid:
    """Return what there is at a URL, or why it can be no location (IMG-360)."""
    try:
        store, key = ports.catalog.named_by(url)
        async with asyncio.timeout(ports.settings.api.patience_seconds):
            size = await store.size(key)
    except Invalid as error:
        return error
    except StoreError as error:
        return Invalid(f"the location can not be used: {error.message}")
    except (NotFound, TimeoutError):
        return Invalid("the location can not be used: its server does not answer")
    if not size:
        return Invalid("the location can not be used: there are no bytes at it")
    if size > (cap := ports.settings.images.size_cap_bytes):
        return Invalid(f"the location can not be used: there are {size} bytes at it, and {cap} are allowed")
    return Found(store.name, key, size)
