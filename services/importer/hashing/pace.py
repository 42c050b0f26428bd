"""A speed that readings together keep to."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator

AT_ONCE = 8
"""So many readings share a pace."""


class Pace:
    """So many bytes a second, whoever reads them; 0 is as many as there are."""

    def __init__(self, bytes_per_second: int) -> None:
        self._rate = bytes_per_second
        self._free_at = 0.0

    def seconds(self, size: int) -> float:
        """Return how long the pace may hold back a reading of so many bytes, when all others read, too."""
        return AT_ONCE * size / self._rate if self._rate else 0

    async def keeping(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield each chunk when its turn has come."""
        async for chunk in chunks:
            if self._rate:
                now = time.monotonic()
                begins = max(now, self._free_at)
                self._free_at = begins + len(chunk) / self._rate
                await asyncio.sleep(begins - now)
            yield chunk
