"""What the launcher is told: which files are open, which walls to build, which limits to keep, and then what to run."""

import contextlib
import os
import pwd
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from glimpse.errors import Unavailable
from services.importer.sandbox import seccomp, walls
from services.importer.sandbox.walls import CONFINED, Wall

UNPRIVILEGED = "nobody"  # who a child is when we are root; a user that every system has
PROCESSES = 4096  # RLIMIT_NPROC counts all threads of the user; that there is no second process the filter sees to
SMALLEST_FILE = 4096  # the launcher may have to write its report


@dataclass(frozen=True)
class Reads:
    """An argument that is a file the child reads."""

    path: Path


@dataclass(frozen=True)
class Writes:
    """An argument that is a file the child writes; it is made empty, and must not be there yet."""

    path: Path


@dataclass(frozen=True)
class Command:
    """A program and its arguments. Files among them reach it as descriptors: it is told no path of ours."""

    program: Path
    arguments: Sequence[str | Reads | Writes]
    directory: Path  # a private folder to stand in; the child can not open anything there


@dataclass(frozen=True)
class Limits:
    """What one run may take. `walls` are tried in their order; `sandbox.UNCONFINED` ends with none at all."""

    memory_bytes: int = 2 * 1024**3
    cpu_seconds: int = 3600
    wall_seconds: float = 4 * 3600
    file_bytes: int = 1024**3  # how far into a file it may write
    open_files: int = 64
    walls: tuple[Wall, ...] = CONFINED


class NotStarted(Unavailable):
    """The walls could not be built, so the program did not run."""


class Plan(NamedTuple):
    """What to tell the launcher, which descriptors it inherits, and on which of them it reports."""

    told: dict[str, object]
    inherited: list[int]
    report: int


@contextlib.contextmanager
def drawn(wall: Wall, command: Command, limits: Limits) -> Iterator[Plan]:
    """Open what the command needs and write the plan; all is closed again at the end."""
    user = _child_user()
    with contextlib.ExitStack() as stack:
        opened = {
            position: _open(stack, argument, user)
            for position, argument in enumerate(command.arguments)
            if not isinstance(argument, str)
        }
        report = _in_memory(stack, b"the launcher did not start")
        told, also = _walled(stack, wall, command, opened)
        told |= {"parent": os.getpid(), "user": user, "report": report, "rlimits": _rlimits(limits)}
        yield Plan(told, [*opened.values(), report, *also], report)


def _walled(
    stack: contextlib.ExitStack, wall: Wall, command: Command, opened: dict[int, int]
) -> tuple[dict[str, object], list[int]]:
    """Name the program, its arguments and what confines it; and the descriptors that this takes."""
    calls = seccomp.instructions()
    argv = [str(command.program)]
    read_only: dict[str, Path] = {}
    for position, argument in enumerate(command.arguments):
        if isinstance(argument, str):
            argv.append(argument)
        elif isinstance(argument, Reads) and wall is Wall.BUBBLEWRAP and os.geteuid() != 0:
            # A user who may write the file could open a descriptor of it again to write; a mount forbids that. The
            # child of root may only read, but could not walk to a path.
            argv.append(f"/input/{position}")
            read_only[argv[-1]] = argument.path
        else:
            argv.append(f"/proc/self/fd/{opened[position]}")
    match wall:
        case Wall.BUBBLEWRAP:  # installs the filter itself, after the last call that it forbids
            handed = [] if calls is None else [_in_memory(stack, calls)]
            argv = walls.bubblewrap(command.program, handed[0] if handed else None, read_only) + argv
            return {"argv": argv, "landlock": None, "seccomp": None}, handed
        case Wall.LANDLOCK:
            if calls is None:
                raise NotStarted(f"the system calls of {os.uname().machine} are not known, so the network stays open")
            kinds = [(command.arguments[position], descriptor) for position, descriptor in opened.items()]
            reads = [descriptor for argument, descriptor in kinds if isinstance(argument, Reads)]
            writes = [descriptor for argument, descriptor in kinds if isinstance(argument, Writes)]
            rules = walls.landlock(command.program, reads, writes)
            return {"argv": argv, "landlock": rules, "seccomp": calls.hex()}, []
        case Wall.NONE:
            return {"argv": argv, "landlock": None, "seccomp": calls.hex() if calls else None}, []


def _child_user() -> tuple[int, int] | None:
    if os.geteuid() != 0:
        return None
    try:
        nobody = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise NotStarted(f"root may not run it and there is no user {UNPRIVILEGED}") from None
    return nobody.pw_uid, nobody.pw_gid


def _open(stack: contextlib.ExitStack, argument: Reads | Writes, user: tuple[int, int] | None) -> int:
    """Open a file argument; with `user`, lend that user's group the right to open the same file again."""
    reading = isinstance(argument, Reads)
    how = os.O_RDONLY if reading else os.O_RDWR | os.O_CREAT | os.O_EXCL
    descriptor = os.open(argument.path, how | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    stack.callback(os.close, descriptor)
    if user is not None:
        stack.enter_context(_lent(descriptor, user[1], stat.S_IRGRP if reading else stat.S_IRGRP | stat.S_IWGRP))
    return descriptor


@contextlib.contextmanager
def _lent(descriptor: int, group: int, right: int) -> Iterator[None]:
    """Give a group a right on a file for a while; its owner loses nothing, not even if we die meanwhile."""
    before = os.fstat(descriptor)
    os.fchown(descriptor, -1, group)
    os.fchmod(descriptor, (stat.S_IMODE(before.st_mode) & ~stat.S_IRWXG) | right)
    try:
        yield
    finally:
        os.fchown(descriptor, -1, before.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))


def _in_memory(stack: contextlib.ExitStack, content: bytes) -> int:
    descriptor = os.memfd_create("plan")
    stack.callback(os.close, descriptor)
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


def _rlimits(limits: Limits) -> dict[str, int]:
    return {
        "RLIMIT_AS": limits.memory_bytes,
        "RLIMIT_CPU": limits.cpu_seconds,
        "RLIMIT_FSIZE": max(limits.file_bytes, SMALLEST_FILE),
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_NPROC": PROCESSES,
        "RLIMIT_CORE": 0,
    }
