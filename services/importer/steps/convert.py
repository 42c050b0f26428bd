"""Third step: the disk in the format that the operator wants. qemu-img sees only what was inspected."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from glimpse.errors import Unavailable, WrongFormat
from services.importer import qemu, sandbox
from services.importer.failures import (
    CONVERSION_FAILED,
    CONVERSION_UNAVAILABLE,
    CORRUPT_SOURCE,
    FORMAT_MISMATCH,
    FORMAT_UNSAFE,
    TOO_LARGE,
    ImportFailure,
)
from services.importer.ports import Ports
from services.importer.sandbox.plan import NotStarted
from services.importer.steps import fetch
from services.importer.work import Job, Source

MIB = 1024 * 1024
READ_SIZE = MIB
WAIT_SECONDS = 60
"""How long a task that has room for its source waits for room for its result: two that wait have to let go again."""


async def convert(ports: Ports, job: Job) -> Job:
    """Convert what was fetched; the job goes on with the result."""
    if not fetch.is_converted(ports, job):
        return job
    path, target = job.opened().path, ports.settings.import_.convert_to
    assert path is not None, "fetch leaves a file"
    assert target is not None, "nothing is converted where no format is set"
    if job.disk_format not in qemu.NAMES:
        raise ImportFailure(FORMAT_MISMATCH, f"{job.disk_format} images can not be converted to {target}")
    if await qemu.available() is None:
        raise ImportFailure(
            CONVERSION_UNAVAILABLE, "images are to be converted here, but qemu-img is missing", passing=True
        )
    try:
        result = await _converted(ports, job, path, target)
    except NotStarted as error:
        raise ImportFailure(CONVERSION_UNAVAILABLE, error.message, passing=True) from error
    except Unavailable as error:
        raise ImportFailure(CONVERSION_FAILED, error.message, passing=True) from error
    except WrongFormat as error:
        raise ImportFailure(_fault(error), error.message) from error
    size = (await asyncio.to_thread(result.stat)).st_size
    return replace(job, source=Source(_chunks(result), size, result), disk_format=target)


async def _converted(ports: Ports, job: Job, path: Path, target: str) -> Path:
    rules = ports.settings.import_
    said = await qemu.info(
        path, job.disk_format, replace(qemu.INFO_LIMITS, walls=_walls(ports)), vmdk_types=rules.vmdk_types
    )
    cap = ports.settings.images.size_cap_bytes
    if said.virtual_size > cap:
        raise ImportFailure(TOO_LARGE, f"the disk has {said.virtual_size} bytes for its guest, and {cap} are allowed")
    wanted = said.virtual_size + said.virtual_size // 64 + 4 * MIB  # tables of the other format come on top
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            room = ports.scratch.room(f"{job.task.id}.result", job.task.epoch, wanted)
            result = await job.room.enter_async_context(room) / "result"
    except TimeoutError:
        raise Unavailable("other conversions take all the room; this one waits its turn") from None
    limits = sandbox.Limits(
        memory_bytes=rules.convert_memory_bytes,
        cpu_seconds=rules.convert_cpu_seconds,
        wall_seconds=rules.deadline_hours * 3600,
        file_bytes=wanted,
        walls=_walls(ports),
    )
    job.progress.begin("converting")

    def show(percent: float) -> None:
        job.progress.percent = percent

    await qemu.convert(path, job.disk_format, result, target, limits, show)
    return result


def _walls(ports: Ports) -> tuple[sandbox.Wall, ...]:
    return sandbox.UNCONFINED if ports.settings.import_.allow_unconfined else sandbox.CONFINED


def _fault(error: WrongFormat) -> str:
    """Tell a disk that leads elsewhere from one that is merely broken."""
    unsafe = ("whole by themselves", "encrypted", "is not taken")
    return FORMAT_UNSAFE if any(sign in error.message for sign in unsafe) else CORRUPT_SOURCE


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(path.open, "rb", buffering=0)
    try:
        while chunk := await asyncio.to_thread(file.read, READ_SIZE):
            yield chunk
    finally:
        await asyncio.shield(asyncio.to_thread(file.close))
