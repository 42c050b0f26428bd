"""Everything at once: many writers, leaders that are replaced, cut off and aborted, and not one event astray."""

import asyncio
import contextlib
import random
from collections import defaultdict

import asyncpg
import pytest

from glimpse import settings
from glimpse.bus import leases
from glimpse.bus.sequencer import LEASE, Sequencer, advance
from glimpse.database import images
from glimpse.database.pool import Database
from glimpse.errors import Fenced, Unavailable
from glimpse.image import document
from glimpse.settings import seconds
from schemas.events import ImageUpdated

WRITERS = 16
TRANSACTIONS = 520
BUS = settings.Bus(lease_seconds=30, batch=40)


class Rollback(Exception):
    """A transaction that is given up."""


async def test_nothing_is_lost_or_doubled_and_each_image_keeps_its_order(news, dsn, connect, make_images):
    image_ids = await make_images(40)
    writers = await connect(pool_size=WRITERS)
    leaders = await connect(pool_size=8, application_name="leader")
    told: dict[str, list[int]] = defaultdict(list)
    done = asyncio.Event()
    around = [asyncio.create_task(_lead(leaders, done, random.Random(n))) for n in range(2)]
    around.append(asyncio.create_task(_lead_and_not_believe_the_end(leaders, done)))
    around.append(asyncio.create_task(_make_trouble(dsn, done)))
    try:
        await asyncio.gather(*(_write(writers, image_ids, told, random.Random(100 + n)) for n in range(WRITERS)))
    finally:
        done.set()
    *_, refused, troubles = await asyncio.gather(*around)
    assert refused > 0
    assert troubles > 5
    await news.execute("UPDATE leases SET until = '-infinity'")
    await news.sequence()

    log = await news.rows("SELECT pos, id, subject, version FROM events ORDER BY pos")
    assert len(log) >= 10_000
    assert [pos for pos, *_ in log] == list(range(1, len(log) + 1))
    assert len({event_id for _, event_id, *_ in log}) == len(log)
    found: dict[str, list[int]] = defaultdict(list)
    for _, _, subject, version in log:
        found[subject].append(version)
    assert found == told


async def _write(database: Database, image_ids: list[str], told: dict[str, list[int]], dice: random.Random) -> None:
    for _ in range(TRANSACTIONS):
        with contextlib.suppress(Rollback):
            async with database.transaction() as tx:
                image = await images.lock(tx, dice.choice(image_ids))
                versions = []
                for _ in range(dice.choice((1, 1, 2))):
                    image = await images.save(tx, image)
                    await tx.emit(ImageUpdated(subject=image.id, version=image.version, image=document(image)))
                    versions.append(image.version)
                await tx.write_down()
                if dice.random() < 0.03:  # its place in the outbox is taken, and others commit before it
                    await asyncio.sleep(dice.random() / 20)
                if dice.random() < 0.05:
                    raise Rollback
                told[image.id] += versions  # under the image's lock: in the order of the commits


async def _lead(database: Database, done: asyncio.Event, dice: random.Random) -> None:
    """Lead, and be aborted in the middle of a batch now and then."""
    sequencer = Sequencer(database, BUS)
    while not done.is_set():
        step = asyncio.create_task(sequencer.run_once())
        if dice.random() < 0.1:
            await asyncio.sleep(dice.random() / 100)
            step.cancel()
        with contextlib.suppress(Unavailable, asyncio.CancelledError):
            await step
        await asyncio.sleep(0)


async def _lead_and_not_believe_the_end(database: Database, done: asyncio.Event) -> int:
    """Lead until another does, and go on trying then; returns how often that was refused."""
    refused = 0
    while not done.is_set():
        with contextlib.suppress(Unavailable):
            async with database.transaction() as tx:
                lease = await leases.take(tx, LEASE, "a stubborn one", seconds(BUS.lease_seconds))
            while lease and not done.is_set():
                try:
                    await advance(database, BUS, lease)
                except Fenced:
                    for _ in range(3):
                        with pytest.raises(Fenced):
                            await advance(database, BUS, lease)
                        refused += 1
                    break
        await asyncio.sleep(0.01)
    return refused


async def _make_trouble(dsn: str, done: asyncio.Event) -> int:
    """End the lease of whoever leads, or its connection, several times a second."""
    connection = await asyncpg.connect(dsn)
    troubles = 0
    while not done.is_set():
        await asyncio.sleep(0.05)
        await connection.execute("UPDATE leases SET until = '-infinity'")
        await connection.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'leader' AND state <> 'idle'
            """
        )
        troubles += 1
    await connection.close()
    return troubles
