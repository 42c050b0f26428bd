"""What is learnt of bytes while they pass: how many, their digests, what they look like. One read."""

import asyncio
import hashlib
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from glimpse.errors import Invalid, SizeMismatch, TooLarge
from glimpse.formats.inspect import Finding, Inspector
from glimpse.stores.gathering import Gathering

AHEAD = 4
"""How many batches may wait for their digests: the bound on memory."""

THREADS = ThreadPoolExecutor(max_workers=32, thread_name_prefix="digest")


@dataclass(frozen=True, slots=True)
class Measured:
    """What was learnt."""

    size: int
    digests: Mapping[str, str] = field(repr=False)
    finding: Finding | None = None

    @property
    def checksum(self) -> str:
        """The MD5, as images show it (IMG-166)."""
        return self.digests["md5"]


class Measure:
    """Watches one stream. `passing` yields it on unchanged; `result` says what was learnt once it has ended."""

    def __init__(
        self,
        algorithms: Sequence[str],
        *,
        checksum: bool = True,
        limit: int | None = None,
        expected_size: int | None = None,
        expected_digests: Mapping[str, str] | None = None,
        inspector: Inspector | None = None,
    ) -> None:
        names = dict.fromkeys((*(("md5",) if checksum else ()), *algorithms, *(expected_digests or {})))
        self._hashers = {name: hashlib.new(name, usedforsecurity=False) for name in names}
        self._limit = limit
        self._expected_size = expected_size
        self._expected_digests = dict(expected_digests or {})
        self._inspector = inspector
        self._seen = 0
        self._measured: Measured | None = None

    @property
    def seen(self) -> int:
        """How many bytes have passed so far."""
        return self._seen

    async def passing(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield each chunk. Raises TooLarge, SizeMismatch, WrongFormat once they are known, Invalid at the end."""
        lanes = [_Lane(hasher) for hasher in self._hashers.values()]
        gathering = Gathering()
        try:
            async for chunk in chunks:
                self._count(len(chunk))
                if self._inspector is not None:
                    self._inspector.feed(chunk)
                if batch := gathering.add(chunk):
                    for lane in lanes:
                        await lane.feed(batch)
                yield chunk
            rest = gathering.rest()
            for lane in lanes:
                await lane.feed(rest)
        finally:
            for lane in lanes:
                await asyncio.shield(lane.drain())
        self._measured = self._conclude()

    def result(self) -> Measured:
        """Return what was learnt; only after `passing` has come to its end."""
        assert self._measured is not None, "the stream has not ended"
        return self._measured

    def _count(self, more: int) -> None:
        self._seen += more
        if self._limit is not None and self._seen > self._limit:
            raise TooLarge(f"these are more than the {self._limit} bytes that are allowed")
        if self._expected_size is not None and self._seen > self._expected_size:
            raise SizeMismatch(f"{self._expected_size} bytes were announced, but more arrived")

    def _conclude(self) -> Measured:
        if self._expected_size is not None and self._seen != self._expected_size:
            raise SizeMismatch(f"{self._expected_size} bytes were announced, but {self._seen} arrived")
        digests = {name: hasher.hexdigest() for name, hasher in self._hashers.items()}
        for name, wanted in self._expected_digests.items():
            if digests[name] != wanted.lower():
                raise Invalid(f"the {name} of these bytes is {digests[name]}, but {wanted.lower()} was expected")
        finding = self._inspector.finish() if self._inspector is not None else None
        return Measured(self._seen, digests, finding)


class _Lane:
    """One digest, fed in a thread, batch after batch; a few batches may wait."""

    def __init__(self, hasher: Any) -> None:
        self._hasher = hasher
        self._waiting: list[asyncio.Future[None]] = []

    async def feed(self, batch: Sequence[bytes]) -> None:
        while len(self._waiting) >= AHEAD:
            await self._waiting.pop(0)
        before = self._waiting[-1] if self._waiting else None
        self._waiting.append(asyncio.ensure_future(self._after(before, batch)))

    async def _after(self, before: asyncio.Future[None] | None, batch: Sequence[bytes]) -> None:
        if before is not None:
            await asyncio.wait([before])
        await asyncio.get_running_loop().run_in_executor(THREADS, self._update, batch)

    def _update(self, batch: Sequence[bytes]) -> None:
        for chunk in batch:
            self._hasher.update(chunk)

    async def drain(self) -> None:
        while self._waiting:
            await self._waiting.pop(0)
