"""A speed that readings together keep to."""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator


class Pace:
    """So many bytes a second, whoever reads them; 0 is as many as there are."""

    def __init__(self, bytes_per_second: int) -> None:
        self._rate = bytes_per_second
        self._free_at = 0.0

    async def keeping(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield each chunk when its turn has come."""
        async for chunk in chunks:
            if self._rate:
                now = time.monotonic()
                begins = max(now, self._free_at)
                self._free_at = begins + len(chunk) / self._rate
                await asyncio.sleep(begins - now)
            yield chunk
