"""copy-image: a copy that another store holds already."""

import contextlib
from collections.abc import AsyncIterator

from glimpse.database import blobs
from services.importer.failures import SOURCE_NOT_FOUND, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Source, Task


@contextlib.asynccontextmanager
async def copy_image(ports: Ports, task: Task) -> AsyncIterator[Source]:
    """Lend the copy in the store that is read first (IMG-439)."""
    async with ports.database.reading() as reader:
        copies = await blobs.list_copies(reader, task.image_id)
    names = ports.catalog.by_weight([name for name in ports.catalog.names if name in copies])
    if not names:
        raise ImportFailure(SOURCE_NOT_FOUND, "no store that is configured holds a copy of this image")
    store, key = ports.catalog.get(names[0]), copies[names[0]]
    chunks = store.read(key)
    async with contextlib.aclosing(chunks):  # type: ignore[type-var]  # an async generator behind an AsyncIterator
        yield Source(chunks, await store.size(key), store.local_path(key))
