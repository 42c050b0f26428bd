"""Second step, only before a conversion: bring the bytes to where qemu-img can read them, and judge them on the way."""

import asyncio
import contextlib
import errno
import shutil
from collections.abc import AsyncIterable
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from glimpse.errors import StoreFull, Unavailable
from glimpse.formats import inspect
from glimpse.stores.measure import Measure
from schemas.vocabulary import ImportMethod
from services.importer import judge
from services.importer.ports import Ports, scratch_root
from services.importer.work import Job, Source

WRITE_SIZE = 1024 * 1024
FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


def is_converted(ports: Ports, job: Job) -> bool:
    """Say whether an image is to change its format; what is no disk, and what is an iso, is left alone."""
    target = ports.settings.import_.convert_to
    if target is None or job.task.method is ImportMethod.COPY_IMAGE or job.image.container_format != "bare":
        return False
    return job.image.disk_format not in (target, "iso")


async def fetch(ports: Ports, job: Job) -> Job:
    """Read the source into a file, or through when it is one already."""
    if not is_converted(ports, job):
        return job
    source = job.opened()
    job.progress.begin("fetching", source.size)
    measure = Measure(
        job.algorithms(ports.settings.images.hashing_algorithm),
        limit=ports.settings.images.size_cap_bytes,
        expected_size=source.size,
        expected_digests={} if job.arriving else job.expected_digests,
        inspector=inspect.Inspector(job.disk_format),
    )
    passing = measure.passing(job.progress.counting(source.chunks))
    async with contextlib.aclosing(passing) as chunks:  # type: ignore[type-var]  # it is a generator
        path = source.path or await _save(ports, job, chunks)
        async for _chunk in chunks:  # a file is looked at where it lies: bytes under a key never change
            pass
    received = measure.result()
    judge.judge(ports, job, received)
    return replace(
        job,
        source=Source(source.chunks, received.size, path),
        arriving=job.arriving or measure,
        arrived_as=job.arrived_as or job.disk_format,
    )


async def _save(ports: Ports, job: Job, chunks: AsyncIterable[bytes]) -> Path:
    size = job.opened().size
    wanted = size if size is not None else await asyncio.to_thread(_share, ports)
    room = ports.scratch.room(f"{job.task.id}.source", job.task.epoch, wanted)
    path = await job.room.enter_async_context(room) / "source"
    file = await asyncio.to_thread(path.open, "xb", buffering=0)
    try:
        held, written = bytearray(), 0
        async for chunk in chunks:
            held += chunk
            written += len(chunk)
            if written > wanted:
                raise StoreFull(f"the source has more than the {wanted} bytes that there is room for")
            if len(held) >= WRITE_SIZE:
                await asyncio.to_thread(_write, file, bytes(held))
                held.clear()
        await asyncio.to_thread(_write, file, bytes(held))
    finally:
        await asyncio.shield(asyncio.to_thread(file.close))
    return path


def _share(ports: Ports) -> int:
    """Return how much room is lent to bytes of unknown number: half of what falls to one task."""
    rules = ports.settings.import_
    root = scratch_root(ports.settings)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    free = min(rules.scratch_bytes, shutil.disk_usage(root).free)
    return min(ports.settings.images.size_cap_bytes, free // (2 * rules.parallel_tasks))


def _write(file: BinaryIO, chunk: bytes) -> None:
    try:
        left = memoryview(chunk)
        while left:
            left = left[file.write(left) :]
    except OSError as error:
        if error.errno in FULL:
            raise StoreFull("the disk that conversions work on is full") from error
        raise Unavailable(f"the disk that conversions work on fails: {error.strerror}") from error
