"""Run the loops of a process together, and stop them together.

SIGTERM and SIGINT set one event; loops finish what is in their hands. The first loop that fails takes the process
down: whoever runs it starts another.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

log = structlog.get_logger()

Loop = Callable[[asyncio.Event], Awaitable[None]]
"""Something that goes on until the event is set."""


@dataclass(frozen=True)
class Sweep:
    """Something that is looked after every so often, and at once when woken; `run_once` returns how much it did."""

    name: str
    run_once: Callable[[], Awaitable[int]]
    every: timedelta
    wake: asyncio.Event = field(default_factory=asyncio.Event)


async def follow(sweep: Sweep, stop: asyncio.Event) -> None:
    """Run one sweep on its timetable until asked to stop."""
    while not stop.is_set():
        sweep.wake.clear()  # before the look: what comes during it is looked at again
        done = await sweep.run_once()
        if done:
            log.info("swept", sweep=sweep.name, done=done)
        await pause(stop, sweep.every, sweep.wake)


async def pause(stop: asyncio.Event, wait: timedelta, wake: asyncio.Event | None = None) -> None:
    """Wait for a while, or until asked to stop or woken."""
    waiting = [asyncio.create_task(event.wait()) for event in (stop, wake) if event is not None]
    try:
        await asyncio.wait(waiting, timeout=wait.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def run(loops: dict[str, Loop], stop: asyncio.Event) -> None:
    """Run every loop until `stop` is set or one of them fails; then stop the others and raise what went wrong."""
    tasks = [asyncio.create_task(_guarded(loop, stop), name=name) for name, loop in loops.items()]
    try:
        await asyncio.gather(*tasks)
    finally:
        stop.set()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _guarded(loop: Loop, stop: asyncio.Event) -> None:
    try:
        await loop(stop)
    except BaseException:
        stop.set()
        raise


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do what must not be left half done, however often we are cancelled meanwhile; that is raised afterwards.

    The work is bound to end by itself. What it raises beside a cancellation is written down.
    """
    working = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.wait([working])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        working.result()
        return
    if not working.cancelled() and (broke := working.exception()) is not None:
        log.warning("what had to be done at the end broke", reason=str(broke), exc_info=broke)
    raise cancelled


def stop_on_signals(stop: asyncio.Event) -> None:
    """Let SIGTERM and SIGINT set `stop`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)


def hold_hangups() -> None:
    """Let SIGHUP wait, which ends a process otherwise, until there is somebody to take it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})


def take_hangups() -> None:
    """Take SIGHUP from now on, and one that waited at once."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})


def call_on_hangup(call: Callable[[], object]) -> None:
    """Call something on each SIGHUP, also on one that came before this and was held."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, call)
    take_hangups()


def say_ready() -> None:
    """Tell whoever started this process that it serves: one line on the descriptor that GLIMPSE_READY_FD names."""
    descriptor = os.environ.pop("GLIMPSE_READY_FD", None)
    if descriptor is not None:
        with contextlib.suppress(OSError):
            os.write(int(descriptor), b"ready\n")
            os.close(int(descriptor))
