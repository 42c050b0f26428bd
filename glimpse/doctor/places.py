"""Where bytes are kept, and where they wait and are worked on."""

import asyncio
import shutil
from collections.abc import AsyncIterator

from glimpse.doctor.finding import Finding, failed, ok, warning
from glimpse.errors import GlimpseError, Invalid
from glimpse.settings import Settings
from glimpse.stores import catalog, filesystem
from glimpse.stores.filesystem import FilesystemStore
from glimpse.stores.http import HttpStore
from glimpse.stores.threads import Threads
from schemas.vocabulary import STAGING
from services.importer import ports as importer

LITTLE = 1024**3
"""Bytes of free space below which somebody should make room."""


async def look(settings: Settings) -> AsyncIterator[Finding]:
    """Say how each store is, staging, and the room for conversions."""
    try:
        stores, staging = catalog.built(settings)
    except Invalid as error:
        yield failed("stores", error.message, "give every store its own directories, as docs/configuration.md has it")
    else:
        patience = settings.api.patience_seconds
        for finding in await asyncio.gather(*(_store(store, patience) for store in (*stores.values(), staging))):
            yield finding
    yield await _scratch(settings)


async def _store(store: FilesystemStore | HttpStore, patience: float) -> Finding:
    part = "staging" if store.name == STAGING else f"store {store.name}"
    if isinstance(store, HttpStore):
        return ok(part, "the servers of others, asked when somebody wants what they have")
    try:
        async with asyncio.timeout(patience):
            return await _looked_at(part, store)
    except GlimpseError as error:
        return failed(part, error.message, "see that the volume is mounted, and that we may write there")
    except TimeoutError:
        return failed(
            part,
            f"it does not answer within {patience:g} seconds",
            "see whether its server is there, then mount it again",
            is_silent=True,
        )


async def _looked_at(part: str, store: FilesystemStore) -> Finding:
    threads = Threads("doctor")  # the default ones are waited for at the end, whatever hangs
    if obstacles := await threads.run(lambda: list(store.obstacles())):
        return failed(part, "; ".join(obstacles), "give it directories that are its own and that we may write to")
    paths = ", ".join(str(directory.path) for directory in store.directories)
    if not await threads.run(store.was_opened):
        return warning(
            part,
            f"{paths}: nothing was ever kept there",
            "mount its volume if it has one; the first service that starts makes it ready",
        )
    await store.check()
    return _room(part, paths, await store.free_bytes() or 0)


async def _scratch(settings: Settings) -> Finding:
    root = importer.scratch_root(settings)
    if obstacle := filesystem.obstacle_to(root):
        return failed("scratch space", obstacle, "set import.scratch_dir to a directory that we may write to")
    there = next(path for path in (root, *root.parents) if path.exists())
    return _room("scratch space", str(root), shutil.disk_usage(there).free)


def _room(part: str, where: str, free: int) -> Finding:
    text = f"{where}: {free / 1024**3:.1f} GiB free"
    return ok(part, text) if free >= LITTLE else warning(part, text, "make room, or add a directory")
