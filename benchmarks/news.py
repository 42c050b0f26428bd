"""From a commit to its subscriber: how long an event takes to appear in the log, or in Kafka, while many are told."""

import asyncio
import json
import statistics
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import asyncpg
from aiokafka import AIOKafkaConsumer

from benchmarks.service import Service

PER_SECOND = 1000
WRITERS = 8
WARM_UP = 2
"""Seconds."""

IMAGE = {"image": {"id": "x", "status": "active", "properties": "x" * 700}, "previous": {"status": "saving"}}
"""About as large as they are."""


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the commit of an event to a subscriber; and what was lost or out of order."""

    told: int
    per_second: float
    p50: float
    p99: float
    lost: int
    out_of_order: int


@dataclass
class Heard:
    """What a subscriber has heard of some subjects, and when."""

    subjects: list[str]
    seen: dict[str, float] = field(default_factory=dict)
    versions: dict[str, list[int]] = field(default_factory=dict)
    is_listening: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def hear(self, event_id: str, subject: str, version: int) -> None:
        if subject in self.subjects and event_id not in self.seen:
            self.seen[event_id] = time.monotonic()
            self.versions.setdefault(subject, []).append(version)


Subscriber = Callable[[Heard], Awaitable[None]]


def of_the_log(service: Service) -> Subscriber:
    """Read the log as `glimpse events tail` does, only more eagerly."""

    async def listen(heard: Heard) -> None:
        connection = await asyncpg.connect(service.dsn)
        pos = await connection.fetchval("SELECT coalesce(max(pos), 0) FROM events")
        heard.is_listening.set()
        while not heard.stop.is_set():
            rows = await connection.fetch(
                "SELECT pos, id, subject, version FROM events WHERE pos > $1 ORDER BY pos LIMIT 1000", pos
            )
            for row in rows:
                pos = row["pos"]
                heard.hear(str(row["id"]), row["subject"], row["version"])
            if not rows:
                await asyncio.sleep(0.005)
        await connection.close()

    return listen


def of_kafka(bootstrap: str) -> Subscriber:
    """Read Kafka as anybody does."""

    async def listen(heard: Heard) -> None:
        async with AIOKafkaConsumer("glimpse.image.events.v1", bootstrap_servers=bootstrap) as consumer:
            await consumer.seek_to_end()
            heard.is_listening.set()
            while not heard.stop.is_set():
                for messages in (await consumer.getmany(timeout_ms=50)).values():
                    for message in messages:
                        headers = dict(message.headers)
                        version = int(headers.get("ce_imageversion", 0))  # what is not about an image has none
                        heard.hear(headers["ce_id"].decode(), message.key.decode(), version)

    return listen


async def latency(service: Service, subscriber: Subscriber, seconds: int, per_second: int = PER_SECOND) -> Latency:
    """Tell so many events in a second as `tx.emit` does, and hear them as a subscriber does.

    What is told in the first two seconds is not counted: a broker just started is still compiling itself.
    """
    committed: dict[str, float] = {}
    pause = WRITERS / per_second
    await asyncio.gather(*(_write(service.dsn, f"warm-{uuid.uuid4()}", {}, WARM_UP, pause) for _ in range(WRITERS)))
    heard = Heard([f"bench-{uuid.uuid4()}" for _ in range(WRITERS)])
    listening = asyncio.create_task(subscriber(heard))
    await heard.is_listening.wait()
    began = time.monotonic()
    await asyncio.gather(*(_write(service.dsn, subject, committed, seconds, pause) for subject in heard.subjects))
    elapsed = time.monotonic() - began
    for _ in range(200):
        if len(heard.seen) == len(committed):
            break
        await asyncio.sleep(0.05)
    heard.stop.set()
    await listening
    waits = sorted((heard.seen[each] - committed[each]) * 1000 for each in heard.seen)
    return Latency(
        told=len(committed),
        per_second=round(len(committed) / elapsed, 1),
        p50=round(statistics.median(waits), 1),
        p99=round(waits[int(len(waits) * 0.99)], 1),
        lost=len(committed) - len(heard.seen),
        out_of_order=sum(found != sorted(found) for found in heard.versions.values()),
    )


async def _write(dsn: str, subject: str, committed: dict[str, float], seconds: int, pause: float) -> None:
    connection = await asyncpg.connect(dsn)
    version, due = 0, time.monotonic()
    end = due + seconds
    try:
        while time.monotonic() < end:
            version += 1
            event = str(uuid.uuid4())
            await connection.execute(
                """
                INSERT INTO outbox (id, type, subject, version, actor, data)
                VALUES ($1, 'io.glimpse.image.updated.v1', $2, $3, '{}', $4)
                """,
                event,
                subject,
                version,
                json.dumps(IMAGE),
            )
            committed[event] = time.monotonic()
            due += pause
            await asyncio.sleep(max(0, due - time.monotonic()))
    finally:
        await connection.close()
