"""How much of a stream is gathered before a thread gets it: much of a quick one, little of a slow one.

A hop to a thread costs the same for one byte as for a million, so quick streams are handed over in large batches. Of
hundreds of slow streams, such batches would fill the memory while they wait for each other's bytes.
"""

import time

SMALLEST = 128 * 1024
LARGEST = 1024 * 1024
QUICK_SECONDS = 0.02
"""A batch that was gathered within so long lets the next one be larger; else it is smaller."""


class Gathering:
    """Chunks of one stream, waiting to be enough."""

    def __init__(self) -> None:
        self._enough = SMALLEST
        self._chunks: list[bytes] = []
        self._held = 0
        self._since = time.monotonic()

    def add(self, chunk: bytes) -> list[bytes]:
        """Take a chunk; return all that were gathered when they are enough, and none otherwise."""
        self._chunks.append(chunk)
        self._held += len(chunk)
        if self._held < self._enough:
            return []
        now = time.monotonic()
        is_quick = now - self._since < QUICK_SECONDS
        self._enough = min(self._enough * 2, LARGEST) if is_quick else max(self._enough // 2, SMALLEST)
        self._since = now
        return self.rest()

    def rest(self) -> list[bytes]:
        """Return what is gathered so far, enough or not."""
        chunks, self._chunks, self._held = self._chunks, [], 0
        return chunks
