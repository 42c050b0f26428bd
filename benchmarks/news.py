"""From a commit to its subscriber: how long an event takes to appear in the log, while many are told."""

import asyncio
import statistics
import time
import uuid
from dataclasses import dataclass

import asyncpg

from benchmarks.service import Service

PER_SECOND = 1000
WRITERS = 8


@dataclass(frozen=True)
class Latency:
    """Milliseconds from the commit of an event to a reader of the log; and what was lost or out of order."""

    told: int
    per_second: float
    p50: float
    p99: float
    lost: int
    out_of_order: int


async def latency(service: Service, seconds: int) -> Latency:
    """Tell so many events in a second as `tx.emit` does, and read them as a subscriber does."""
    committed: dict[uuid.UUID, float] = {}
    seen: dict[uuid.UUID, float] = {}
    versions: dict[str, list[int]] = {}
    stop = asyncio.Event()
    subjects = [f"bench-{uuid.uuid4()}" for _ in range(WRITERS)]
    reading = asyncio.create_task(_read(service.dsn, subjects, seen, versions, stop))
    began = time.monotonic()
    await asyncio.gather(*(_write(service.dsn, subject, committed, seconds) for subject in subjects))
    elapsed = time.monotonic() - began
    for _ in range(100):
        if len(seen) == len(committed):
            break
        await asyncio.sleep(0.05)
    stop.set()
    await reading
    waits = sorted((seen[each] - committed[each]) * 1000 for each in seen)
    return Latency(
        told=len(committed),
        per_second=round(len(committed) / elapsed, 1),
        p50=round(statistics.median(waits), 1),
        p99=round(waits[int(len(waits) * 0.99)], 1),
        lost=len(committed) - len(seen),
        out_of_order=sum(found != sorted(found) for found in versions.values()),
    )


async def _write(dsn: str, subject: str, committed: dict[uuid.UUID, float], seconds: int) -> None:
    connection = await asyncpg.connect(dsn)
    version, due, pause = 0, time.monotonic(), WRITERS / PER_SECOND
    end = due + seconds
    try:
        while time.monotonic() < end:
            version += 1
            event = uuid.uuid4()
            await connection.execute(
                """
                INSERT INTO outbox (id, type, subject, version, actor, data)
                VALUES ($1, 'io.glimpse.bench.v1', $2, $3, '{}', '{}')
                """,
                event,
                subject,
                version,
            )
            committed[event] = time.monotonic()
            due += pause
            await asyncio.sleep(max(0, due - time.monotonic()))
    finally:
        await connection.close()


async def _read(
    dsn: str,
    subjects: list[str],
    seen: dict[uuid.UUID, float],
    versions: dict[str, list[int]],
    stop: asyncio.Event,
) -> None:
    connection = await asyncpg.connect(dsn)
    pos = await connection.fetchval("SELECT coalesce(max(pos), 0) FROM events")
    try:
        while not stop.is_set():
            rows = await connection.fetch(
                "SELECT pos, id, subject, version FROM events WHERE pos > $1 ORDER BY pos LIMIT 1000", pos
            )
            now = time.monotonic()
            for row in rows:
                pos = row["pos"]
                if row["subject"] in subjects:
                    seen[row["id"]] = now
                    versions.setdefault(row["subject"], []).append(row["version"])
            if not rows:
                await asyncio.sleep(0.005)
    finally:
        await connection.close()
