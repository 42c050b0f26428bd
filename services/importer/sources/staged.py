"""glance-direct: bytes that were staged before. They stay where they are until the image is active."""

import contextlib
from collections.abc import AsyncIterator

from glimpse.database import blobs
from schemas.vocabulary import STAGING
from services.importer.failures import SOURCE_NOT_FOUND, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Source, Task


@contextlib.asynccontextmanager
async def staged(ports: Ports, task: Task) -> AsyncIterator[Source]:
    """Lend an image's staged bytes."""
    async with ports.database.reading() as reader:
        found = await blobs.find_staged(reader, task.image_id)
    if found is None:
        raise ImportFailure(SOURCE_NOT_FOUND, "nothing is staged for this image; stage its bytes, then import again")
    store = ports.catalog.get(STAGING)
    chunks = store.read(found["key"])
    async with contextlib.aclosing(chunks):  # type: ignore[type-var]  # an async generator behind an AsyncIterator
        yield Source(chunks, found["size"], store.local_path(found["key"]))
