"""A plugin: bytes that arrive compressed are expanded while they pass; no disk is needed for it (OP-38).

What they become is bounded like all other bytes: by the cap, by the quota, by the room to work in. The digest that
somebody expects is that of the bytes as they came.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import replace

from glimpse.errors import WrongFormat
from glimpse.formats import compression
from glimpse.stores.measure import Measure
from services.importer.failures import CORRUPT_SOURCE, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Job, Source


async def decompress(ports: Ports, job: Job) -> Job:
    """Expand what is compressed; whatever is not, and what is meant to stay compressed, goes on as it is."""
    if job.image.container_format == "compressed":
        return job
    source = job.opened()
    beginning, chunks = await _begun(source.chunks)
    chunks = await job.room.enter_async_context(contextlib.aclosing(chunks))
    name = compression.recognised(beginning)
    if name is None:
        return replace(job, source=Source(chunks, source.size, source.path))
    arriving = Measure(
        job.algorithms(ports.settings.images.hashing_algorithm),
        limit=ports.settings.images.size_cap_bytes,
        expected_size=source.size,
        expected_digests=job.expected_digests,
    )
    expanded = _expanded(name, arriving.passing(chunks))
    return replace(
        job,
        source=Source(await job.room.enter_async_context(contextlib.aclosing(expanded)), None),
        arriving=arriving,
        arrived_as=name,
    )


async def _begun(chunks: AsyncIterable[bytes]) -> tuple[bytes, AsyncGenerator[bytes, None]]:
    """Read as much as tells what a stream is; return that, and the stream from its very beginning."""
    stream = aiter(chunks)
    beginning = b""
    while len(beginning) < compression.LONGEST_SIGNATURE:
        chunk = await anext(stream, None)
        if chunk is None:
            break
        beginning += chunk

    async def whole() -> AsyncGenerator[bytes, None]:
        if beginning:
            yield beginning
        async for chunk in stream:
            yield chunk

    return beginning[: compression.LONGEST_SIGNATURE], whole()


async def _expanded(name: str, chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    expansion = compression.Expansion(name)
    try:
        async for chunk in chunks:
            pieces = expansion.pieces(chunk)
            while piece := await asyncio.to_thread(next, pieces, b""):
                yield piece
        expansion.end()
    except WrongFormat as error:
        raise ImportFailure(CORRUPT_SOURCE, error.message) from error
