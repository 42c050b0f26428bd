"""What goes on beside a job: its lease is renewed, its progress shown, and a lease or an image that is gone noticed."""

import asyncio
import time
from typing import Any

from glimpse.database import blobs, images
from glimpse.errors import Fenced, Gone, Unavailable
from glimpse.settings import seconds
from schemas.events import ImportProgressed
from schemas.vocabulary import GONE
from services.importer import queries
from services.importer.ports import Ports
from services.importer.work import Progress, Task

SHOWN_SECONDS = 1.0
TOLD_SECONDS = 60.0
"""How often the message and the fact are renewed at most (IMG-498)."""


async def watch(ports: Ports, task: Task, progress: Progress) -> None:
    """Go on until cancelled. Raises Fenced when the lease is lost, Gone when the image was deleted."""
    beat = _interval(ports)
    renewed = told = time.monotonic()
    shown: dict[str, Any] = {}
    while True:
        await asyncio.sleep(min(SHOWN_SECONDS, beat))
        now = time.monotonic()
        try:
            if now - renewed >= beat:
                await _renew(ports, task, progress)
                renewed = now
            if (document := progress.document()) != shown:
                await _show(ports, task, document, tell=now - told >= TOLD_SECONDS)
                shown, told = document, now if now - told >= TOLD_SECONDS else told
        except Unavailable:
            if now - renewed > ports.settings.import_.lease_seconds:
                raise Fenced(f"the lease of task {task.id} could not be renewed in time") from None


def _interval(ports: Ports) -> float:
    """Return seconds between heartbeats; no lease may end between two of them."""
    rules = ports.settings.import_
    return min(rules.heartbeat_seconds, rules.lease_seconds / 3, ports.settings.scrubber.abandoned_seconds / 3)


async def _renew(ports: Ports, task: Task, progress: Progress) -> None:
    copies = list(progress.blobs)
    async with ports.database.transaction(task.actor) as tx:
        await queries.renew_lease(tx, task, seconds(ports.settings.import_.lease_seconds))
        left = await blobs.renew(tx, copies, seconds(ports.settings.scrubber.abandoned_seconds))
        image = await images.find(tx, task.image_id)
    if image is None or image.status in GONE:
        raise Gone("the image was deleted")
    if len(left) < len(copies):
        raise Fenced(f"copies of task {task.id} were given up while they were written")


async def _show(ports: Ports, task: Task, document: dict[str, Any], *, tell: bool) -> None:
    done = document["bytes_done"]
    async with ports.database.transaction(task.actor) as tx:
        await queries.save_progress(tx, task, document, f"Copied {done // 2**20} MiB" if tell else None)
        if tell:
            await tx.emit(
                ImportProgressed(
                    subject=task.image_id,
                    task_id=task.id,
                    phase=document["phase"],
                    bytes_done=done,
                    bytes_total=document["bytes_total"],
                )
            )
