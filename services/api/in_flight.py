"""Bytes on their way through this process: their rows are kept alive together, with one statement for all of them."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from glimpse.errors import Fenced

T = TypeVar("T")


@dataclass(frozen=True)
class InFlight:
    """The copies that are being written, by the ids of their rows, and who writes them."""

    writers: dict[int, asyncio.Task[Any]] = field(default_factory=dict)

    async def write(self, blob: int, work: Coroutine[Any, Any, T]) -> T:
        """Do the work of writing a copy, whose lease is renewed meanwhile. Raises Fenced when that is lost."""
        writer = asyncio.create_task(work)
        self.writers[blob] = writer
        try:
            return await writer
        except asyncio.CancelledError:
            us = asyncio.current_task()
            if writer.cancelled() and us is not None and not us.cancelling():
                raise Fenced("these bytes were given up while they arrived: the image is gone or was reset") from None
            raise
        finally:
            del self.writers[blob]

    def lose(self, blobs: set[int]) -> None:
        """Stop those who write copies that are not theirs any more."""
        for blob in blobs & self.writers.keys():
            self.writers[blob].cancel()
