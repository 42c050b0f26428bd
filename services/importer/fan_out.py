"""One stream into several stores at once, at the pace of the slowest; memory stays bounded."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Sequence

from glimpse.errors import GlimpseError
from glimpse.stores.store import Store

AHEAD = 4
"""Chunks that may wait for one store."""


async def write(
    stores: Sequence[Store], key: str, chunks: AsyncIterable[bytes], *, all_must_succeed: bool
) -> dict[str, GlimpseError]:
    """Write every chunk to every store; return why some stores have none, when the others may do without them.

    Raises what the chunks raise, and a store's failure when all must succeed or none did; then nothing counts as kept.
    """
    if len(stores) == 1:
        await stores[0].write(key, chunks)
        return {}
    lanes = [_Lane(store, key) for store in stores]
    try:
        async for chunk in chunks:
            for lane in lanes:
                await lane.push(chunk)
            _refuse(lanes, all_must_succeed)
        for lane in lanes:
            await lane.push(None)
        await asyncio.wait([lane.writing for lane in lanes])
        _refuse(lanes, all_must_succeed)
    finally:
        for lane in lanes:
            lane.writing.cancel()
        await asyncio.gather(*(lane.writing for lane in lanes), return_exceptions=True)
    return {lane.name: failure for lane in lanes if (failure := lane.failure()) is not None}


def _refuse(lanes: Sequence["_Lane"], all_must_succeed: bool) -> None:
    failures = [failure for lane in lanes if (failure := lane.failure()) is not None]
    if failures and (all_must_succeed or len(failures) == len(lanes)):
        raise failures[0]


class _Lane:
    """The way to one store."""

    def __init__(self, store: Store, key: str) -> None:
        self.name = store.name
        self._waiting: asyncio.Queue[bytes | None] = asyncio.Queue(AHEAD)
        self.writing = asyncio.create_task(store.write(key, self._chunks()))

    async def push(self, chunk: bytes | None) -> None:
        """Hand a chunk on, None for the end; a store that has failed takes nothing more."""
        if self.writing.done():
            return
        try:
            self._waiting.put_nowait(chunk)
        except asyncio.QueueFull:
            putting = asyncio.ensure_future(self._waiting.put(chunk))
            try:
                await asyncio.wait([putting, self.writing], return_when=asyncio.FIRST_COMPLETED)
            finally:
                putting.cancel()

    def failure(self) -> GlimpseError | None:
        """Say why the store has none; what is no refusal of the house is raised."""
        if not self.writing.done() or self.writing.cancelled():
            return None
        error = self.writing.exception()
        if error is None or isinstance(error, GlimpseError):
            return error
        raise error

    async def _chunks(self) -> AsyncIterator[bytes]:
        while (chunk := await self._waiting.get()) is not None:
            yield chunk
