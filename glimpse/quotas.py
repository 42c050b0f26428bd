"""Quotas that hold: bytes are reserved before they flow, and what was not needed is given back when they end.

Of a stream of unknown size the reservation grows in steps that double, so that a thousand streams of one project do
not queue for one lock. Where a step does not fit, a stream gives back what it does not use and waits for the others to
do the same; it is refused when there is nobody left to wait for. So what fits together gets in, and nothing more.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass

import structlog

from glimpse.database import reservations
from glimpse.database.pool import Actor, Database, Reader, Transaction
from glimpse.database.reservations import InUse
from glimpse.errors import Fenced, OverQuota, Unavailable
from glimpse.settings import Settings
from glimpse.settings.limits import MIB
from schemas.events import QuotaExceeded

log = structlog.get_logger()

FIRST_STEP = 4 * 2**20
LARGEST_STEP = 2**30
PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 1.0
"""A stream that waits asks again after pauses that grow to this, so that many of them leave the database to others."""
PATIENCE_SECONDS = 60.0
"""How long a stream waits for others that neither end nor come to a halt."""

USER_STORAGE, SIZE_TOTAL, STAGE_TOTAL = "user_storage_quota", "image_size_total", "image_stage_total"
COUNT_TOTAL, COUNT_UPLOADING = "image_count_total", "image_count_uploading"


@dataclass(frozen=True, slots=True)
class Quota:
    """How many bytes of one kind a project may have; one without an owner, or a limit, has no Quota (IMG-722)."""

    project: str
    bytes: int
    resource: str = USER_STORAGE

    def refusal(self) -> OverQuota:
        """Return what is said when something does not fit."""
        what = "staged" if self.resource == STAGE_TOTAL else "stored"
        return OverQuota(
            f"the project's quota of {self.bytes} bytes does not leave room for this image to be {what} "
            f"({self.resource}): delete others, or ask for more",
            project=self.project,
            resource=self.resource,
            limit=self.bytes,
        )

    async def others(self, reader: Reader, copies: Sequence[int]) -> InUse:
        """Return what counts of the project, but for some copies."""
        if self.resource == STAGE_TOTAL:
            return (await reservations.moving(reader, self.project, copies)).staged
        return await reservations.in_use(reader, self.project, copies)

    async def free(self, reader: Reader, copies: Sequence[int]) -> tuple[int, bool]:
        """Return the bytes that there are for each of some copies, and whether others may give up some of theirs."""
        others = await self.others(reader, copies)
        share = 1 if self.resource == STAGE_TOTAL else len(copies)  # what is staged is staged once for all stores
        return (self.bytes - others.taken) // share, others.others_move


def of_stored(settings: Settings, project: str | None) -> list[Quota]:
    """Return what limits a project's stored bytes: one or the other, or nothing (IMG-19)."""
    if project is None:
        return []
    if settings.limits.enabled:
        limit = settings.limits.of(project, "image_size_total_mib")
        return [] if limit is None else [Quota(project, limit * MIB, SIZE_TOTAL)]
    limit = settings.images.user_storage_bytes
    return [Quota(project, limit)] if limit else []


def of_staged(settings: Settings, project: str | None) -> list[Quota]:
    """Return what limits a project's staged bytes."""
    limit = None if project is None else settings.limits.of(project, "image_stage_total_mib")
    return [] if project is None or limit is None else [Quota(project, limit * MIB, STAGE_TOTAL)]


async def require_room(tx: Transaction, quotas: Sequence[Quota], size: int) -> None:
    """Raise OverQuota for bytes that have no room now; nothing is reserved for them."""
    for quota in quotas:
        if (await quota.others(tx, [])).taken + size > quota.bytes:
            raise quota.refusal()


async def reserve(tx: Transaction, quotas: Sequence[Quota], copies: Sequence[int], size: int | None) -> None:
    """Reserve room for copies that are about to be written; a first step when nobody knows how large they are.

    Raises OverQuota when they can not fit.
    """
    if not quotas:
        return
    await reservations.lock_project(tx, quotas[0].project)
    each = FIRST_STEP if size is None else size
    for quota in quotas:
        free, others_move = await quota.free(tx, copies)
        if size > free if size is not None else free <= 0 and not others_move:
            raise quota.refusal()
        each = min(each, max(free, 0) // 2) if size is None else size
    await reservations.reserve(tx, copies, each, waits=size is not None)  # of a known size nothing is spare


async def require(tx: Transaction, quotas: Sequence[Quota], size: int) -> None:
    """Raise OverQuota unless there is room for copies that others keep: nothing flows, so nothing is reserved."""
    if quotas and size:
        await reservations.lock_project(tx, quotas[0].project)
        await require_room(tx, quotas, size)


@contextlib.asynccontextmanager
async def telling(database: Database, actor: Actor) -> AsyncIterator[None]:
    """Tell of what is refused within: in a transaction of its own, since the one that was refused left nothing."""
    try:
        yield
    except OverQuota as error:
        told = QuotaExceeded(subject=error.project, resource=error.resource, limit=error.limit, reason=error.message)
        try:
            async with database.transaction(actor) as tx:
                await tx.emit(told)
        except Unavailable as away:  # whoever asked still hears why they were refused
            log.warning("a refusal for quota could not be told", project=error.project, reason=away.message)
        raise


class Reservation:
    """The room of one stream, written into one or several copies."""

    def __init__(self, database: Database, quotas: Sequence[Quota], copies: Sequence[int], size: int | None) -> None:
        self._database = database
        self._quotas = quotas
        self._copies = list(copies)
        self._held = size if size is not None else 0
        self._used = 0

    async def passing(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield each chunk once there is room for it. Raises OverQuota when there is none, Fenced."""
        async for chunk in chunks:
            self._used += len(chunk)
            if self._quotas and self._used > self._held:
                await self._grow(self._used - len(chunk))
            yield chunk

    async def _grow(self, before: int) -> None:
        deadline, pause = time.monotonic() + PATIENCE_SECONDS, PAUSE_SECONDS
        fits = await self._grown(before)
        while not fits:
            await asyncio.sleep(pause)
            pause, is_last = min(2 * pause, LONGEST_PAUSE_SECONDS), time.monotonic() > deadline
            fits = await self._grown(before, again=not is_last, is_last=is_last)

    async def _grown(self, before: int, *, again: bool = False, is_last: bool = False) -> bool:
        """Take the next step if it fits, or as much as is needed; else give back and say that we wait.

        Who asks again does not queue behind others who look at the project's quota, since it would keep a connection.
        """
        ahead, fits = min(max(self._held, FIRST_STEP), LARGEST_STEP), True
        async with self._database.transaction() as tx:
            if not again:
                await reservations.lock_project(tx, self._quotas[0].project)
            elif not await reservations.try_lock_project(tx, self._quotas[0].project):
                return False
            for quota in self._quotas:
                free, others_move = await quota.free(tx, self._copies)
                if self._used > free:
                    fits = False
                    if is_last or not others_move:
                        raise quota.refusal()
                # near the limit little is taken ahead: at most half of what is left
                ahead = min(ahead, max(0, free - self._used) // 2)
            self._held = self._used + ahead if fits else before
            if not await reservations.reserve(tx, self._copies, self._held, waits=not fits):
                raise Fenced("these bytes were given up while they arrived: the image is gone or was reset")
        return fits
