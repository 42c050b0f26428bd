"""What keeps a child from the files of the machine: Landlock, or bubblewrap where the kernel has no Landlock."""

import ctypes
import functools
import glob
import shutil
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

LANDLOCK_CREATE_RULESET = 444
LANDLOCK_CREATE_RULESET_VERSION = 1

# Rights on files, by the version of Landlock that brought them.
EXECUTE, WRITE, READ, READ_FOLDER, TRUNCATE = 1 << 0, 1 << 1, 1 << 2, 1 << 3, 1 << 14
FILE_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: TRUNCATE, 5: 1 << 15}
NET_RIGHTS = {4: 0b11}  # TCP: bind and connect
SCOPES = {6: 0b11}  # abstract sockets, signals

LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64")
LOADERS = ("/lib64/ld-*.so*", "/lib/ld-*.so*", "/lib/*/ld-*.so*")
LOADER_CACHE = "/etc/ld.so.cache"
NOTHING, RANDOM = "/dev/null", "/dev/urandom"


class Wall(StrEnum):
    """One way to keep a child in."""

    LANDLOCK = "landlock"
    BUBBLEWRAP = "bubblewrap"
    NONE = "none"


CONFINED = (Wall.LANDLOCK, Wall.BUBBLEWRAP)  # in the order of preference: the first costs nothing
UNCONFINED = (*CONFINED, Wall.NONE)


@functools.cache
def landlock_version() -> int:
    """Say which version of Landlock the kernel offers; 0 where it is missing or switched off."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(0, int(libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_CREATE_RULESET_VERSION)))


def present(wall: Wall) -> bool:
    """Tell whether this machine has the wall; whether bubblewrap may make namespaces is only seen by running it."""
    match wall:
        case Wall.LANDLOCK:
            return landlock_version() > 0
        case Wall.BUBBLEWRAP:
            return shutil.which("bwrap") is not None
        case Wall.NONE:
            return True


def landlock(program: Path, reads: Sequence[int], writes: Sequence[int]) -> dict[str, object]:
    """Write the rules: these descriptors' files, the program and its libraries, and nothing else."""
    version = landlock_version()
    handled = _up_to(version, FILE_RIGHTS)
    paths = [(str(program), READ | EXECUTE), (LOADER_CACHE, READ), (NOTHING, READ | WRITE), (RANDOM, READ)]
    paths += [(folder, READ | READ_FOLDER) for folder in LIBRARIES]
    paths += [(loader, READ | EXECUTE) for loader in _loaders()]
    return {
        "fs": handled,
        "net": _up_to(version, NET_RIGHTS),
        "scoped": _up_to(version, SCOPES),
        "attributes_size": 8 if version < 4 else 16 if version < 6 else 24,  # older kernels refuse what they can't read
        "paths": paths,
        "descriptors": [(fd, READ) for fd in reads] + [(fd, (READ | WRITE | TRUNCATE) & handled) for fd in writes],
    }


def bubblewrap(program: Path, seccomp: int | None, reads: Mapping[str, Path]) -> list[str]:
    """Write the command that runs what follows it in namespaces with the libraries, an own /proc and `reads`."""
    bwrap = shutil.which("bwrap")
    assert bwrap is not None
    command = [bwrap, "--unshare-all", "--die-with-parent", "--cap-drop", "ALL", "--clearenv", "--chdir", "/"]
    for path in (*LIBRARIES, LOADER_CACHE, str(program)):
        command += ["--ro-bind-try", path, path]
    command += ["--proc", "/proc", "--dev-bind", NOTHING, NOTHING, "--dev-bind", RANDOM, RANDOM]
    for name, source in reads.items():
        command += ["--ro-bind", str(source.absolute()), name]
    if seccomp is not None:
        command += ["--seccomp", str(seccomp)]
    return [*command, "--"]


def _up_to(version: int, rights: dict[int, int]) -> int:
    return sum(bits for since, bits in rights.items() if since <= version)


def _loaders() -> Iterator[str]:
    for pattern in LOADERS:
        yield from glob.glob(pattern)
