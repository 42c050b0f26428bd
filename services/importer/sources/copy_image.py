"""copy-image: a copy that another store holds already."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from glimpse.database import blobs
from glimpse.database.blobs import Location
from glimpse.errors import StoreError
from glimpse.stores.store import Store
from services.importer.failures import SOURCE_NOT_FOUND, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Source, Task


@contextlib.asynccontextmanager
async def copy_image(ports: Ports, task: Task) -> AsyncIterator[Source]:
    """Lend the copy in the store that is read first (IMG-439)."""
    async with ports.database.reading() as reader:
        copies = await blobs.list_copies(reader, task.image_id)
    store, key, size = await _first_whole(ports, [copy for copy in copies if copy.store in ports.catalog.names])
    chunks = store.read(key)
    async with contextlib.aclosing(chunks):  # type: ignore[type-var]  # an async generator behind an AsyncIterator
        yield Source(chunks, size, store.local_path(key))


async def _first_whole(ports: Ports, copies: Sequence[Location]) -> tuple[Store, str, int]:
    """Return where a copy is that its store gives, and its size. Raises ImportFailure, or what the last store said."""
    away: StoreError | None = None
    for copy in ports.catalog.sorted_by_weight(copies):
        store = ports.catalog.get(copy.store)
        try:
            size = await store.size(copy.key)
        except StoreError as error:
            away = error
            continue
        if size is not None:
            return store, copy.key, size
    raise away or ImportFailure(SOURCE_NOT_FOUND, "no store that is configured holds a copy of this image")
