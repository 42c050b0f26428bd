"""The one door to qemu-img: what it says of a disk, whether the disk is whole, and the disk in another format.

Every call runs in the sandbox, so that a crafted image which the inspection let pass still finds no file to read, and
every call is told the format: qemu-img never guesses one. The bytes are the user's, so are their faults (WrongFormat);
a full disk (StoreFull) or a limit (Unavailable) is ours. Needs qemu-img, of Debian's package qemu-utils.
"""

import json
import os
import re
import shutil
import signal
import struct
import tempfile
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from glimpse.errors import StoreFull, Unavailable, WrongFormat
from services.importer import sandbox
from services.importer.sandbox import Limits, Outcome, Reads, Writes

# What qemu-img calls the disk formats that it may be given; `vhd` under its own name fails (OP-149).
NAMES = {"raw": "raw", "qcow2": "qcow2", "vmdk": "vmdk", "vdi": "vdi", "vhd": "vpc", "vhdx": "vhdx"}
INFO_LIMITS = Limits(memory_bytes=1024**3, cpu_seconds=2, wall_seconds=30, file_bytes=0)
VMDK_CREATE_TYPES = ("streamOptimized", "monolithicSparse")  # the kinds that are one file (CVE-2022-47951)

SOUND, LOSSES, LEAKS, NO_CHECK = 0, 2, 3, 63  # what `qemu-img check` exits with
WRONG_COUNTS = re.compile(
    r"refcount=\d+ reference=\d+|OFLAG_COPIED"
)  # a disk not closed cleanly; it reads right all the same
PER_CENT = re.compile(rb"\((\d+\.\d+)/100%\)")
DESCRIPTOR = re.compile(r"'?/proc/self/fd/\d+'?")
NO_ROOM = (b"No space left on device", b"Disk quota exceeded")
FROM_OUTSIDE = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
"""Signals that no image causes: a machine, or a service, that stops. The next try may do better."""
NO_MEMORY = (
    b"cannot allocate memory",
    b"could not allocate",
    b"failed to allocate",
    b"failed to map",
    b"resource temporarily unavailable",
)  # whoever notices first says it in their own words
TOO_LARGE = b"File too large"


@dataclass(frozen=True)
class DiskInfo:
    """What qemu-img says of a disk; `virtual_size` is what its guest sees, in bytes (IMG-180)."""

    disk_format: str
    virtual_size: int


async def available(walls: tuple[sandbox.Wall, ...] = sandbox.UNCONFINED) -> str | None:
    """Return the version of qemu-img, or None where it is not installed. Raises Unavailable when no wall holds.

    Any will do unless somebody asks for some: it is given nothing to read.
    """
    if shutil.which("qemu-img") is None:
        return None
    limits = replace(INFO_LIMITS, walls=walls)
    outcome = await _run(["--version"], limits, Path(tempfile.gettempdir()))
    found = re.search(rb"version (\S+)", outcome.stdout)
    return found[1].decode() if found else None


async def info(
    path: Path, disk_format: str, limits: Limits = INFO_LIMITS, vmdk_types: Collection[str] = VMDK_CREATE_TYPES
) -> DiskInfo:
    """Ask what a disk is; one that is of another format, refers to another file or is encrypted is WrongFormat."""
    name = _name(disk_format)
    outcome = await _run(["info", "--output=json", "-f", name, Reads(path)], limits, path.parent)
    _judge(outcome, "info", limits)
    try:
        said = json.loads(outcome.stdout)
        found, virtual_size = said["format"], int(said["virtual-size"])
    except (ValueError, KeyError, TypeError):
        raise WrongFormat(f"nothing can be said of this {disk_format} image") from None
    if found != name:
        raise WrongFormat(f"the image is said to be {disk_format} but is {found}")
    _refuse_what_leads_elsewhere(said, vmdk_types)
    return DiskInfo(disk_format=disk_format, virtual_size=virtual_size)


async def check(path: Path, disk_format: str, limits: Limits) -> None:
    """Raise WrongFormat when parts of a disk are missing: qemu-img would convert them to zeros and not say so."""
    if disk_format == "vdi":
        _refuse_short_vdi(path)
    reading = replace(limits, file_bytes=0)
    outcome = await _run(["check", "--output=json", "-f", _name(disk_format), Reads(path)], reading, path.parent)
    if outcome.broke is None and outcome.status in (SOUND, LEAKS, NO_CHECK):
        return
    lines = outcome.stderr.decode(errors="replace").splitlines()
    if outcome.broke is None and outcome.status == LOSSES and lines and all(map(WRONG_COUNTS.search, lines)):
        return
    _judge(outcome, "check", limits)


async def convert(
    source: Path,
    source_format: str,
    target: Path,
    target_format: str,
    limits: Limits,
    on_progress: Callable[[float], None] = lambda per_cent: None,
) -> None:
    """Write `source` to a new, sparse file in another format, of at most `limits.file_bytes`.

    The source must have passed the inspection and `info`. The target must not be there; it is not flushed, which is for
    whoever keeps it, and when this fails it goes with the room it is in.
    """
    if source_format == target_format:
        raise ValueError(f"{source_format} needs no conversion to itself")
    names = _name(source_format), _name(target_format)
    await check(source, source_format, limits)

    def listen(chunk: bytes) -> None:
        for per_cent in PER_CENT.findall(chunk)[-1:]:
            on_progress(float(per_cent))

    # The default caches are right: 512 MiB took 0.14 s, and 0.23 s to flush and read again for the store; with direct
    # I/O on either side or both, 0.2 to 0.55 s and as much again, for then it has to be read back from the disk.
    arguments: list[str | Reads | Writes] = [
        "convert",
        "-p",
        "-f",
        names[0],
        "-O",
        names[1],
        Reads(source),
        Writes(target),
    ]
    _judge(await _run(arguments, limits, target.parent, listen), "convert", limits)


def _name(disk_format: str) -> str:
    if disk_format not in NAMES:
        raise WrongFormat(f"{disk_format} images can not be converted; {', '.join(NAMES)} can")
    return NAMES[disk_format]


async def _run(
    arguments: Sequence[str | Reads | Writes],
    limits: Limits,
    directory: Path,
    on_stdout: Callable[[bytes], None] | None = None,
) -> Outcome:
    program = shutil.which("qemu-img")
    if program is None:
        raise Unavailable("qemu-img is not installed; Debian has it in the package qemu-utils")
    command = sandbox.Command(Path(program), arguments, directory)
    try:
        return await sandbox.run(command, limits, on_stdout)
    except OSError as error:
        raise Unavailable(f"qemu-img can not be run: {error}") from error


def _judge(outcome: Outcome, verb: str, limits: Limits) -> None:
    """Raise whose fault it was. It is to be silent: a warning is a failure too."""
    told = _told(outcome)
    if outcome.broke is not None:
        raise Unavailable(f"qemu-img {verb} was stopped at {outcome.broke}")
    if TOO_LARGE in outcome.stderr:
        raise StoreFull(f"the result would be larger than {limits.file_bytes} bytes")
    if any(sign in outcome.stderr for sign in NO_ROOM):
        raise StoreFull(f"no room to work on the image: {told}")
    if any(sign in outcome.stderr.lower() for sign in NO_MEMORY):
        raise Unavailable(f"qemu-img {verb} was stopped at its limit of memory: {told}")
    if -outcome.status in FROM_OUTSIDE:
        raise Unavailable(f"qemu-img {verb} was ended by somebody else (signal {-outcome.status})")
    if outcome.status < 0:
        raise WrongFormat(f"qemu-img {verb} broke down over the image (signal {-outcome.status}): {told}")
    if b"error while writing" in outcome.stderr:
        raise Unavailable(f"the result could not be written: {told}")
    if outcome.status != 0 or told:
        raise WrongFormat(f"qemu-img {verb} refuses the image: {told or f'status {outcome.status}'}")


def _told(outcome: Outcome) -> str:
    text = DESCRIPTOR.sub("the image", outcome.stderr[:1000].decode(errors="replace"))
    return "; ".join(text.replace("qemu-img: ", "").split("\n")[:3]).strip("; ")


def _refuse_what_leads_elsewhere(said: dict[str, Any], vmdk_types: Collection[str]) -> None:
    """Hold what qemu-img found in a disk against what one file alone can have (OP-145)."""
    specific = said.get("format-specific", {}).get("data", {})
    if any(key in said for key in ("backing-filename", "full-backing-filename", "backing-filename-format")):
        raise WrongFormat("the image has a backing file; only images that are whole by themselves are taken")
    if "data-file" in specific:
        raise WrongFormat("the image has an external data file; only images that are whole by themselves are taken")
    if said.get("encrypted") or "encrypt" in specific:
        raise WrongFormat("the image is encrypted in its own format and can not be converted")
    if [child.get("name") for child in said.get("children", [])] not in ([], ["file"]):
        raise WrongFormat("the image refers to other files; only images that are whole by themselves are taken")
    if said["format"] == "vmdk":
        create_type = specific.get("create-type")
        if create_type not in vmdk_types or len(specific.get("extents", [])) != 1:
            raise WrongFormat(f"a vmdk of type {create_type} is not taken; {' and '.join(vmdk_types) or 'none'} are")


def _refuse_short_vdi(path: Path) -> None:
    """Compare a VDI's length with what its header promises, for which `qemu-img check` does not look."""
    with path.open("rb") as disk:
        header = disk.read(512)
        length = os.fstat(disk.fileno()).st_size
    if len(header) < 512:
        raise WrongFormat("the vdi image ends within its header")
    offset, block_size, blocks = (struct.unpack_from("<I", header, at)[0] for at in (344, 376, 388))
    if offset + block_size * blocks > length:
        raise WrongFormat(f"the vdi image is cut short: {length} of {offset + block_size * blocks} bytes")
