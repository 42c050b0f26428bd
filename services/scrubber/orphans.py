"""What stores have is held against what the database knows: bytes without a row, and rows without bytes.

Nothing is deleted unless the operator says so, and nothing that is younger than `orphan_hours`: the row of a copy is
written before its first byte, so bytes that old without a row never get one. Stores are walked page by page.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import structlog

from glimpse import process
from glimpse.bus import leases
from glimpse.bus.leases import Lease
from glimpse.errors import GlimpseError, Invalid
from glimpse.stores.store import Store, StoredObject
from services.scrubber.ports import ACTOR, Ports
from services.scrubber.queries import reconciling
from services.scrubber.queries.copies import Copy

log = structlog.get_logger()

TURN = "scrubber.orphans"
EVERY = timedelta(days=1)
"""Of all scrubbers together, one looks this often."""
PAGE = 1000


class Kind(StrEnum):
    """What is wrong."""

    ORPHAN = "orphan"
    """Bytes that no row knows."""
    MISSING = "missing"
    """A row whose bytes are gone."""
    DAMAGED = "damaged"
    """A row whose bytes are more or fewer than there were."""
    UNREACHABLE = "unreachable"
    """A store that could not be looked at, or not to its end."""
    UNKNOWN_STORE = "unknown_store"
    """Rows of a store that is not configured."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be."""

    kind: Kind
    store: str
    key: str | None = None
    image_id: str | None = None
    size: int | None = None
    modified_at: datetime | None = None
    deleted: bool = False
    reason: str | None = None


async def run_once(ports: Ports) -> int:
    """Look through every store when it is anybody's turn, and write down what is found; return how much."""
    async with ports.database.transaction(ACTOR) as tx:
        turn = await leases.take(tx, TURN, ports.worker, EVERY)
    if turn is None:
        return 0
    found = 0
    try:
        async with contextlib.aclosing(look(ports, delete=ports.settings.scrubber.delete_orphans)) as findings:
            async for finding in findings:
                _write_down(finding)
                found += 1
    except Invalid as refusal:  # once for each turn: another look would be refused as well
        log.error("bytes without a row are not looked for", reason=refusal.message)
    except BaseException:
        await process.to_its_end(_give_back(ports, turn))
        raise
    if ports.stopping.is_set():
        await _give_back(ports, turn)
    return found


async def look(ports: Ports, *, delete: bool) -> AsyncGenerator[Finding, None]:
    """Yield everything that is not as it should be, store by store; with `delete`, bytes without a row go.

    Raises Invalid when bytes are to be deleted, and the database never knew an image.
    """
    async with ports.database.reading() as reader:
        is_new = not await reconciling.has_images(reader)
        elsewhere = await reconciling.count_elsewhere(reader, [store.name for store in ports.catalog.all()])
    for name, count in elsewhere.items():
        yield Finding(Kind.UNKNOWN_STORE, name, reason=f"{count} copies are in a store that is not configured")
    if delete and is_new:
        raise Invalid(
            "this database has never known an image, so that all bytes would be deleted: is postgres.dsn the one of "
            "these stores? nothing was deleted; without --delete, or scrubber.delete_orphans, they are only listed"
        )
    for store in ports.catalog.all():
        if store.read_only:  # nothing in it is ours, and its servers are not ours to walk over
            continue
        try:
            async for finding in _without_row(ports, store, delete=delete):
                yield finding
            async for finding in _without_bytes(ports, store):
                yield finding
        except GlimpseError as error:
            yield Finding(Kind.UNREACHABLE, store.name, reason=error.message)


async def _without_row(ports: Ports, store: Store, *, delete: bool) -> AsyncIterator[Finding]:
    young = datetime.now(UTC) - timedelta(hours=ports.settings.scrubber.orphan_hours)
    async for page in _pages(store):
        if ports.stopping.is_set():
            return
        old = [stored for stored in page if stored.modified_at < young]
        async with ports.database.reading() as reader:
            known = await reconciling.list_known(reader, store.name, [stored.part_of or stored.key for stored in old])
        for stored in old:
            if (stored.part_of or stored.key) not in known and await _is_there(store, stored):
                finding = Finding(Kind.ORPHAN, store.name, stored.key, size=stored.size, modified_at=stored.modified_at)
                yield await _deleted(store, finding) if delete else finding


async def _deleted(store: Store, finding: Finding) -> Finding:
    assert finding.key is not None, "an orphan has a key"
    try:
        await store.delete(finding.key)
    except GlimpseError as error:
        return replace(finding, reason=error.message)
    return replace(finding, deleted=True)


async def _is_there(store: Store, stored: StoredObject) -> bool:
    """Look once more: it may have been deleted, row and all, since the store was walked."""
    try:
        return await store.size(stored.key) is not None
    except Invalid:  # what a broken write left has no key that one can ask for
        return True


async def _without_bytes(ports: Ports, store: Store) -> AsyncIterator[Finding]:
    after = 0
    while not ports.stopping.is_set():
        async with ports.database.reading() as reader:
            page = await reconciling.list_stored_after(reader, store.name, after, PAGE)
        if not page:
            return
        for copy, size in await _sizes(ports, store, page):
            if size == copy.size:
                continue
            async with ports.database.reading() as reader:
                if not await reconciling.is_stored(reader, copy):  # let go in the meantime
                    continue
            kind = Kind.MISSING if size is None else Kind.DAMAGED
            yield Finding(kind, store.name, copy.key, copy.image_id, size=copy.size)
        after = page[-1].id


async def _sizes(ports: Ports, store: Store, page: Sequence[Copy]) -> list[tuple[Copy, int | None]]:
    """Ask a store about a page of copies, several at once; once it fails it is not asked any more."""
    turn = asyncio.Semaphore(ports.settings.scrubber.parallel_deletes)

    async def size(copy: Copy) -> tuple[Copy, int | None]:
        async with turn:
            return copy, await store.size(copy.key)

    asking = [asyncio.create_task(size(copy)) for copy in page]
    try:
        return await asyncio.gather(*asking)
    finally:
        for each in asking:
            each.cancel()
        await asyncio.gather(*asking, return_exceptions=True)


async def _pages(store: Store) -> AsyncIterator[list[StoredObject]]:
    page: list[StoredObject] = []
    async for stored in store.list_objects():
        page.append(stored)
        if len(page) == PAGE:
            yield page
            page = []
    if page:
        yield page


def _write_down(finding: Finding) -> None:
    facts = {"kind": str(finding.kind), "store": finding.store, "key": finding.key, "image": finding.image_id}
    if finding.kind is Kind.ORPHAN:
        log.warning("bytes without a row", size=finding.size, deleted=finding.deleted, reason=finding.reason, **facts)
    else:
        log.error("bytes are not as they should be", reason=finding.reason, **facts)


async def _give_back(ports: Ports, turn: Lease) -> None:
    async with ports.database.transaction(ACTOR) as tx:
        await leases.end(tx, turn)
