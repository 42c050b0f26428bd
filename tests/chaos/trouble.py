"""Trouble at random: any process of Glimpse, its database and its Kafka is killed, ended or put to sleep."""

import asyncio
import contextlib
import random
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import psutil

from tests.fixtures.kafka import Broker
from tests.fixtures.up import Glimpse

TARGETS = {"api": 5, "importer": 5, "scrubber": 5, "postgres": 3, "kafka": 2, "up": 1}
"""Who is in trouble how often; `up` is the parent of all but Kafka."""
WAYS = {signal.SIGKILL: 5, signal.SIGSTOP: 3, signal.SIGTERM: 2}

STARTS_IN_A_ROW = 10
"""So often `glimpse up` may give up within a minute, as it does where a service dies three times before it is ready."""

KAFKA_SECONDS = 300
"""What Kafka may take to start, on a machine that is at its limit."""


@dataclass
class Trouble:
    """Makes trouble until asked to stop; then it takes care that everything runs."""

    glimpse: Glimpse
    broker: Broker
    start: Callable[[], "subprocess.Popen[bytes]"]
    """Starts `glimpse up` once more, where it was."""
    dice: random.Random
    pause_seconds: float
    made: Counter[str] = field(default_factory=Counter)
    asleep: list[tuple[psutil.Process, float]] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def make(self) -> None:
        """Make trouble."""
        kafka, watch = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(self._keep_up())
        while not self.stop.is_set():
            await asyncio.sleep(self.dice.expovariate(1 / self.pause_seconds))
            if self.stop.is_set():
                break
            (target,) = self.dice.choices(list(TARGETS), list(TARGETS.values()))
            (way,) = self.dice.choices(list(WAYS), list(WAYS.values()))
            if target != "kafka":
                self._hit(target, way)
            elif kafka.done():
                await kafka
                kafka = asyncio.create_task(self._hit_kafka(way))
        await kafka
        while self.asleep:
            await asyncio.sleep(0.1)
        await watch

    async def _keep_up(self) -> None:
        """Start `glimpse up` again when it ended, and wake whoever slept long enough."""
        failed, started = 0, float("-inf")
        while not self.stop.is_set() or self.asleep:
            now = asyncio.get_running_loop().time()
            for process, until in list(self.asleep):
                if now >= until:
                    _signal(process, signal.SIGCONT)
                    self.asleep.remove((process, until))
            if self.glimpse.process.poll() is not None:
                failed = failed + 1 if self.glimpse.process.returncode == 1 and now < started + 60 else 0
                assert failed < STARTS_IN_A_ROW, self.glimpse.tail()
                self.glimpse.process, started = self.start(), now
                self.made["starts of glimpse up"] += 1
            await asyncio.sleep(0.1)

    def _hit(self, target: str, way: signal.Signals) -> None:
        """Let one process of a target, or all of them at once, have a signal."""
        processes = self._processes(target)
        if not processes:
            return
        if way is signal.SIGTERM and target == "postgres":
            way = signal.SIGINT  # SIGTERM waits for all clients to leave, as long as they like
        if target == "up" and way is signal.SIGSTOP:
            way = signal.SIGKILL
        hit = processes if self.dice.random() < 0.4 else [self.dice.choice(processes)]
        if way is signal.SIGSTOP:
            until = asyncio.get_running_loop().time() + self.dice.uniform(0.2, 6)
            self.asleep += [(process, until) for process in hit]
        for process in hit:
            _signal(process, way)
        self.made[f"{way.name} {target}"] += 1

    async def _hit_kafka(self, way: signal.Signals) -> None:
        self.made[f"{way.name} kafka"] += 1
        if way is signal.SIGSTOP:
            with self.broker.asleep():
                await asyncio.sleep(self.dice.uniform(0.2, 6))
            return
        await asyncio.to_thread(self.broker.kill if way is signal.SIGKILL else self.broker.stop)
        await asyncio.sleep(self.dice.choice((0.0, 0.0, 5.0)))
        await asyncio.to_thread(self.broker.start, KAFKA_SECONDS)

    def _processes(self, target: str) -> list[psutil.Process]:
        with contextlib.suppress(psutil.NoSuchProcess):
            up = psutil.Process(self.glimpse.process.pid)
            if target == "up":
                return [up]
            found = [child for child in up.children() if target in _name(child)]
            return [each for child in found for each in _with_children(child)]
        return []


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def _name(process: psutil.Process) -> str:
    """Return what a child of `glimpse up` is there for: the name of its program, or the command that it is."""
    with contextlib.suppress(psutil.NoSuchProcess, IndexError):
        argv = process.cmdline()
        return argv[argv.index("glimpse.cli") + 1] if "glimpse.cli" in argv else argv[0]
    return ""


def _signal(process: psutil.Process, way: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(way)
