"""The life of a confined child: the first wall that holds, its output read, and its end made sure of."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from glimpse.errors import Unavailable
from services.importer.sandbox import plan, walls
from services.importer.sandbox.plan import Command, Limits, NotStarted
from services.importer.sandbox.walls import Wall

LAUNCHER = str(Path(__file__).with_name("launch.py"))
KEPT_OUTPUT = 1024**2  # of stdout and of stderr each; what comes after is read and forgotten

Listener = Callable[[bytes], None]


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `status` as of subprocess (negative is a signal); `broke` names the limit that ended it."""

    status: int
    stdout: bytes
    stderr: bytes
    broke: str | None = None


async def run(command: Command, limits: Limits, on_stdout: Listener | None = None) -> Outcome:
    """Run a program inside the first of the walls that holds here, and see to its end whatever happens.

    Raises Unavailable when no wall holds. Cancelled, it kills the child before it lets go.
    """
    reasons = []
    for wall in limits.walls:
        if not walls.present(wall):
            reasons.append(f"{wall} is not here")
            continue
        try:
            return await _run_inside(wall, command, limits, on_stdout)
        except NotStarted as error:
            reasons.append(f"{wall}: {error.message}")
    raise Unavailable(
        f"{command.program.name} was not run because nothing confines it ({'; '.join(reasons)}); "
        "a kernel with Landlock (5.13 or newer) is needed, or bubblewrap where user namespaces are allowed"
    )


async def _run_inside(wall: Wall, command: Command, limits: Limits, on_stdout: Listener | None) -> Outcome:
    with plan.drawn(wall, command, limits) as drawn:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-B", LAUNCHER, json.dumps(drawn.told)),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
            cwd=command.directory,
            pass_fds=drawn.inherited,
            start_new_session=True,
        )
        outcome = await _watch(process, limits, on_stdout)
        if outcome.broke is None and (why := os.pread(drawn.report, 4096, 0)):
            raise NotStarted(why.decode(errors="replace"))
    if wall is Wall.BUBBLEWRAP:
        outcome = _seen_through_bubblewrap(outcome)
    return replace(outcome, broke=outcome.broke or _broken_limit(outcome.status, limits))


async def _watch(process: asyncio.subprocess.Process, limits: Limits, on_stdout: Listener | None) -> Outcome:
    """Read what it says until it ends or its time is up; whichever way this is left, the child is dead."""
    assert process.stdout is not None
    assert process.stderr is not None
    broke = None
    ending = asyncio.gather(_read(process.stdout, on_stdout), _read(process.stderr, None), process.wait())
    try:
        await asyncio.wait_for(asyncio.shield(ending), limits.wall_seconds)
    except TimeoutError:
        broke = f"the limit of {limits.wall_seconds:g} seconds"
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        stdout, stderr, status = await ending
    return Outcome(status, stdout, stderr, broke)


async def _read(stream: asyncio.StreamReader, listener: Listener | None) -> bytes:
    kept = bytearray()
    while chunk := await stream.read(65536):
        kept += chunk[: KEPT_OUTPUT - len(kept)]
        if listener is not None:
            listener(chunk)
    return bytes(kept)


def _seen_through_bubblewrap(outcome: Outcome) -> Outcome:
    """Take apart what bubblewrap says itself and what it says of its child."""
    if outcome.stderr.startswith(b"bwrap: "):
        raise NotStarted(outcome.stderr.decode(errors="replace").strip())
    if 128 < outcome.status < 128 + signal.NSIG:
        return replace(outcome, status=128 - outcome.status)  # it tells a signal as a shell does
    return outcome


def _broken_limit(status: int, limits: Limits) -> str | None:
    match -status:
        case signal.SIGXCPU | signal.SIGKILL:  # nobody else kills it; the kernel does, a second after the first signal
            return f"the limit of {limits.cpu_seconds} seconds of CPU"
        case signal.SIGXFSZ:
            return f"the limit of {limits.file_bytes} bytes of output"
    return None
