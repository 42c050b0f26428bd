"""Files that are there when they are said to be: written, synced, and given their name; or nothing."""

import asyncio
import contextlib
import errno
import os
from collections.abc import AsyncIterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from glimpse.errors import Conflict, StoreError, StoreFull
from glimpse.stores.gathering import Gathering
from glimpse.stores.threads import Threads

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def failures(who: str) -> Iterator[None]:
    """Tell what the operating system says in the words of the house."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull(f"{who} is full: free some space, or add some") from error
        raise StoreError(f"{who}: {error.strerror or error} ({error.filename or 'no file'})") from error


async def fill(file: BinaryIO, chunks: AsyncIterable[bytes], threads: Threads) -> int:
    """Write chunks, several at a time, while the next ones arrive; return how many bytes.

    Raises StoreFull, StoreError.
    """
    kept, gathering = 0, Gathering()
    writing: asyncio.Future[None] | None = None
    try:
        async for chunk in chunks:
            kept += len(chunk)
            if batch := gathering.add(chunk):
                if writing is not None:
                    await writing
                writing = asyncio.ensure_future(threads.run(_write, file, batch))
        if writing is not None:
            await writing
        await threads.run(_write, file, gathering.rest())
        return kept
    finally:
        if writing is not None and not writing.done():
            await asyncio.wait([writing])  # a thread can not be called back; the file must outlive it


def _write(file: BinaryIO, chunks: Sequence[bytes]) -> None:
    with failures("the file store"):
        for begin in range(0, len(chunks), 512):  # as many as one writev takes, and some
            pieces = [memoryview(chunk) for chunk in chunks[begin : begin + 512]]
            while pieces:
                written = os.writev(file.fileno(), pieces)
                while pieces and written >= len(pieces[0]):
                    written -= len(pieces.pop(0))
                if written:
                    pieces[0] = pieces[0][written:]


def finish(file: BinaryIO, part: Path, target: Path) -> None:
    """Make written bytes durable under their name, unless that is taken. Raises Conflict, StoreFull, StoreError."""
    with failures("the file store"):
        os.fsync(file.fileno())
        file.close()
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(part, target)  # unlike rename, this never replaces
        except FileExistsError:
            raise Conflict(f"{target.name} is written already: a key is written once") from None
        except FileNotFoundError:  # its folder went with another key just now
            target.parent.mkdir(parents=True, exist_ok=True)
            os.link(part, target)
        part.unlink()
        sync_folder(target.parent)
        sync_folder(target.parent.parent)


def abandon(file: BinaryIO, part: Path) -> None:
    """Take away what did not become whole."""
    file.close()
    part.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
