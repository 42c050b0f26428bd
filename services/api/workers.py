"""The processes of the API: a parent that binds the socket once and keeps its workers alive.

Workers are forked with everything loaded, so that they share their memory, and before any loop runs. They notice a
parent that is gone by the end of a pipe.
"""

import contextlib
import errno
import gc
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import structlog

from glimpse import process, settings
from glimpse.errors import Conflict, Unavailable

log = structlog.get_logger()

Work = Callable[[socket.socket, int, Callable[[], None]], None]
"""Serves a socket until SIGTERM, or until the descriptor ends, on which news may come; calls back once it is ready."""

News = Callable[[], bytes | None]
"""Asked on SIGHUP: what every worker is to be told, if anything."""

BACKLOG = 1024
SIGNALS = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})
QUICK_DEATH_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 10.0
CLOSING_SECONDS = 0.2
"""How long after SIGTERM the address still takes connections: workers let in who has knocked by then."""


def listen(api: settings.Api) -> socket.socket:
    """Bind the address. Raises Conflict when it is taken, Unavailable when it can not be had."""
    family = socket.AF_INET6 if ":" in api.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what waits in TIME_WAIT is no taken port
    try:
        listening.bind((api.host, api.port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        kind = Conflict if error.errno == errno.EADDRINUSE else Unavailable
        raise kind(
            f"can not listen on {api.host} port {api.port}: {error.strerror}; "
            "stop what uses it, or choose another with api.port"
        ) from None
    listening.setblocking(False)
    return listening


def count(api: settings.Api) -> int:
    """Return how many workers there are to be."""
    return api.workers or len(os.sched_getaffinity(0))


def run(listening: socket.socket, number: int, work: Work, news: News = lambda: None) -> None:
    """Keep so many workers at work until SIGTERM or SIGINT; say that all are ready once they are."""
    _Parent(listening, number, work, news).run()


@dataclass
class _Worker:
    """A child, the pipe on which it says that it is ready, and the one on which it is told news, and of our end."""

    pid: int
    ready: int
    lifeline: int
    born: float = field(default_factory=time.monotonic)


class _Parent:
    def __init__(self, listening: socket.socket, number: int, work: Work, news: News) -> None:
        self._listening, self._number, self._work, self._news = listening, number, work, news
        self._workers: dict[int, _Worker] = {}
        self._stopping = False
        self._hung_up = False
        self._said_ready = False
        self._deaths = 0
        self._not_before = 0.0
        self._closes_at: float | None = None
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(self._woken, False)

    def run(self) -> None:
        gc.freeze()  # what is loaded stays shared: the collector will not touch it in the children
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        signal.signal(signal.SIGHUP, lambda *_: self._hang_up())
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wake)
        process.take_hangups()
        while True:
            self._bury()
            if self._stopping and not self._workers:
                return
            self._pass_news_on()
            self._close_when_due()
            self._fill_up()
            self._wait()

    def _fill_up(self) -> None:
        while not self._stopping and len(self._workers) < self._number and time.monotonic() >= self._not_before:
            self._bear()

    def _bear(self) -> None:
        told, telling = os.pipe()
        lifeline, held = os.pipe()  # the worker watches one end; the other one closes with this process
        os.set_blocking(held, False)
        allowed = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # none of ours is lost, or taken by the child
        pid = os.fork()
        if pid == 0:
            self._be_a_worker(lifeline, telling, (told, held), allowed)
        for descriptor in (telling, lifeline):
            os.close(descriptor)
        self._workers[pid] = _Worker(pid, told, held)
        signal.pthread_sigmask(signal.SIG_SETMASK, allowed)

    def _be_a_worker(self, lifeline: int, telling: int, other_ends: tuple[int, int], allowed: set[Any]) -> None:
        """Never returns."""
        status = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the parent reads the settings and tells what is new
            signal.pthread_sigmask(signal.SIG_SETMASK, allowed)
            for descriptor in (self._woken, self._wake, *other_ends):
                os.close(descriptor)
            for worker in self._workers.values():
                for descriptor in (worker.ready, worker.lifeline):
                    with contextlib.suppress(OSError):
                        os.close(descriptor)
            self._work(self._listening, lifeline, lambda: _say(telling))
            status = 0
        except BaseException:
            log.exception("worker broke")
        finally:
            os._exit(status)  # the parent's own endings are not a child's

    def _close_when_due(self) -> None:
        """Refuse whoever comes late, at once, instead of leaving them waiting while the workers drain."""
        if self._closes_at is not None and time.monotonic() >= self._closes_at:
            self._closes_at = None
            self._listening.shutdown(socket.SHUT_RDWR)  # of the workers' descriptors, too

    def _wait(self) -> None:
        waiting = [worker.ready for worker in self._workers.values() if worker.ready >= 0]
        is_due_soon = self._closes_at is not None or (len(self._workers) < self._number and not self._stopping)
        pause = 0.05 if is_due_soon else None
        readable, _, _ = select.select([self._woken, *waiting], [], [], pause)
        if self._woken in readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
        for worker in self._workers.values():
            if worker.ready in readable:
                said = os.read(worker.ready, 1)
                os.close(worker.ready)
                worker.ready = -1 if said else -2
        everybody = len(self._workers) == self._number and all(each.ready == -1 for each in self._workers.values())
        if everybody and not self._said_ready:
            self._said_ready = True
            process.say_ready()

    def _bury(self) -> None:
        for pid, status in _dead():
            worker = self._workers.pop(pid, None)
            if worker is None:
                continue
            os.close(worker.lifeline)
            if worker.ready >= 0:
                os.close(worker.ready)
            if self._stopping:
                continue
            quick = time.monotonic() - worker.born < QUICK_DEATH_SECONDS
            self._deaths = self._deaths + 1 if quick else 0
            log.warning("worker died", pid=pid, status=os.waitstatus_to_exitcode(status), quickly=quick)
            if quick and not self._said_ready and self._deaths >= self._number:
                self._stop()
                raise Unavailable("the API's workers die while they start: see the lines above")
            self._not_before = time.monotonic() + (min(2.0**self._deaths / 10, LONGEST_PAUSE_SECONDS) if quick else 0)

    def _hang_up(self) -> None:
        self._hung_up = True

    def _pass_news_on(self) -> None:
        if not self._hung_up or self._stopping:
            return
        self._hung_up = False  # before the look: a signal during it asks for another one
        told = self._news()
        for worker in self._workers.values() if told else ():
            try:
                os.write(worker.lifeline, told or b"")
            except OSError as error:  # it died just now, and the next one knows; or it does not listen any more
                log.warning("worker is not told", pid=worker.pid, reason=error.strerror)

    def _stop(self) -> None:
        if not self._stopping:
            self._closes_at = time.monotonic() + CLOSING_SECONDS
        self._stopping = True
        self._tell(signal.SIGTERM)

    def _tell(self, number: signal.Signals) -> None:
        for pid in list(self._workers):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)


def _dead() -> Iterator[tuple[int, int]]:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status


def _say(telling: int) -> None:
    os.write(telling, b"1")
    os.close(telling)
