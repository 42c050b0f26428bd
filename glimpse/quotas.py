"""Quotas that hold: bytes are reserved before they flow, and what was not needed is given back when they end.

Of a stream of unknown size the reservation grows in steps that double, so that a thousand streams of one project do
not queue for one lock. Where a step does not fit, a stream gives back what it does not use and waits for the others to
do the same; it is refused when there is nobody left to wait for. So what fits together gets in, and nothing more.
"""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from dataclasses import dataclass

from glimpse import settings
from glimpse.database import reservations
from glimpse.database.pool import Database, Transaction
from glimpse.errors import Fenced, TooLarge

FIRST_STEP = 4 * 2**20
LARGEST_STEP = 2**30
PAUSE_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
"""How long a stream waits for others that neither end nor come to a halt."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How many bytes a project may have; one without an owner, or without a limit, has no Quota (IMG-722)."""

    project: str
    bytes: int

    def refusal(self) -> TooLarge:
        """Return what is said when something does not fit."""
        return TooLarge(f"the project's quota of {self.bytes} bytes does not leave room for this image")


def quota_of(images: settings.Images, project: str | None) -> Quota | None:
    """Return the quota of a project; None where there is none."""
    limit = images.user_storage_bytes
    return Quota(project, limit) if limit and project is not None else None


async def reserve(tx: Transaction, quota: Quota | None, copies: Sequence[int], size: int | None) -> None:
    """Reserve room for copies that are about to be written; a first step when nobody knows how large they are.

    Raises TooLarge when they can not fit.
    """
    if quota is None:
        return
    await reservations.lock_project(tx, quota.project)
    others = await reservations.in_use(tx, quota.project, copies)
    free = quota.bytes - others.taken
    nothing_left = free <= 0 and size != 0 and (size is not None or not others.others_move)
    if nothing_left or (size is not None and size * len(copies) > free):
        raise quota.refusal()
    each = size if size is not None else min(FIRST_STEP, max(free, 0) // 2 // len(copies))
    await reservations.reserve(tx, copies, each, waits=size is not None)  # of a known size nothing is spare


class Reservation:
    """The room of one stream, written into one or several copies."""

    def __init__(self, database: Database, quota: Quota | None, copies: Sequence[int], size: int | None) -> None:
        self._database = database
        self._quota = quota
        self._copies = list(copies)
        self._held = size if size is not None else 0
        self._used = 0

    async def passing(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield each chunk once there is room for it. Raises TooLarge when there is none, Fenced."""
        async for chunk in chunks:
            self._used += len(chunk)
            if self._quota is not None and self._used > self._held:
                await self._grow(self._quota, self._used - len(chunk))
            yield chunk

    async def _grow(self, quota: Quota, before: int) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not await self._grown(quota, before, is_last=time.monotonic() > deadline):
            await asyncio.sleep(PAUSE_SECONDS)

    async def _grown(self, quota: Quota, before: int, *, is_last: bool) -> bool:
        """Take the next step if it fits, or as much as is needed; else give back and say that we wait."""
        step = min(max(self._held, FIRST_STEP), LARGEST_STEP)
        async with self._database.transaction() as tx:
            await reservations.lock_project(tx, quota.project)
            others = await reservations.in_use(tx, quota.project, self._copies)
            free = (quota.bytes - others.taken) // len(self._copies)
            fits = self._used <= free
            if not fits and (is_last or not others.others_move):
                raise quota.refusal()
            # near the limit little is taken ahead: at most half of what is left
            ahead = min(step, max(0, free - self._used) // 2) if fits else 0
            self._held = self._used + ahead if fits else before
            if not await reservations.reserve(tx, self._copies, self._held, waits=not fits):
                raise Fenced("these bytes were given up while they arrived: the image is gone or was reset")
        return fits
