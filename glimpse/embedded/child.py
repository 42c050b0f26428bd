"""A process of ours: it hears of our death, leads a group of its own, and its end is made sure of."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from glimpse.embedded.account import Account
from glimpse.embedded.output import Dress, Output, as_they_are
from glimpse.errors import Unavailable

TETHER = str(Path(__file__).with_name("tether.py"))
BURIAL_SECONDS = 5


@dataclass(frozen=True)
class Program:
    """What to start, and how."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    account: Account | None = None
    """Whom to become first; None stays who we are."""
    orphaned: signal.Signals = signal.SIGTERM
    """What it hears when we die."""
    dress: Dress = as_they_are
    cwd: str | None = None
    says_ready: bool = False
    """Whether it tells that it serves, on the descriptor that GLIMPSE_READY_FD names."""


@dataclass(frozen=True)
class Farewell:
    """How far our own end is."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    hurry: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when we were asked once more."""


class Child:
    """A program that runs."""

    def __init__(self, process: asyncio.subprocess.Process, output: Output) -> None:
        self._process = process
        self._output = output
        self.ready = asyncio.Event()

    @classmethod
    async def start(cls, program: Program) -> "Child":
        """Start a program; `ready` is set once it says so. Raises Unavailable."""
        output = Output(program.dress)
        reading, writing = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *_tethered(program),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output.writing,
                stderr=output.writing,
                env={**program.environment, **({"GLIMPSE_READY_FD": str(writing)} if program.says_ready else {})},
                cwd=program.cwd,
                pass_fds=(writing,) if program.says_ready else (),
                start_new_session=True,
            )
        except OSError as error:
            os.close(reading)
            raise Unavailable(f"{program.name} can not be started: {error.strerror}") from None
        finally:
            os.close(writing)
            output.handed_over()
        child = cls(process, output)
        child._listen(reading)
        return child

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self._process.pid

    def _listen(self, reading: int) -> None:
        loop = asyncio.get_running_loop()

        def heard() -> None:
            if os.read(reading, 64):
                self.ready.set()
            loop.remove_reader(reading)
            os.close(reading)

        loop.add_reader(reading, heard)

    async def ended(self) -> int:
        """Wait for its end and return its status (negative is a signal)."""
        return await self._process.wait()

    def last_lines(self) -> str:
        """Return what it said last; it is dead."""
        return self._output.last_lines()

    async def stop(self, wishes: Sequence[tuple[signal.Signals, float]], hurry: asyncio.Event) -> None:
        """Ask it to end, each way for so many seconds and no longer than nobody is in a hurry; then end its group."""
        for wish, seconds in wishes:
            if self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.send_signal(wish)
                await first(self._process.wait(), hurry.wait(), within=seconds)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)  # whatever it left behind, too
        await first(self._process.wait(), within=BURIAL_SECONDS)


async def first(*waiting: Awaitable[object], within: float | None = None) -> None:
    """Return when one of these is done, or the time is up."""
    tasks = [asyncio.ensure_future(each) for each in waiting]
    try:
        await asyncio.wait(tasks, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _tethered(program: Program) -> list[str]:
    """Return the command line that becomes the program, tied to this process."""
    user, group = ("-", "-") if program.account is None else (str(program.account.uid), str(program.account.gid))
    script = [sys.executable, "-I", "-S", "-B", TETHER]
    return [*script, str(os.getpid()), str(int(program.orphaned)), user, group, *program.argv]
