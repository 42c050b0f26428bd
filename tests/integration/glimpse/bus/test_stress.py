"""Everything at once: many writers, leaders that are replaced, cut off and aborted, and not one event astray.

What reaches Kafka is read back as a subscriber reads it: repeats are dropped by their position, and nothing else.
"""

import asyncio
import contextlib
import random
from collections import Counter, defaultdict
from typing import Any

import asyncpg
import pytest

from glimpse import settings
from glimpse.bus import leases, marks, topics
from glimpse.bus.groups import KAFKA
from glimpse.bus.publisher import Publisher
from glimpse.bus.sequencer import LEASE, Sequencer, advance
from glimpse.database import images
from glimpse.database.pool import Database
from glimpse.errors import Fenced, Unavailable
from glimpse.image import document
from glimpse.settings import seconds
from schemas.events import ImageUpdated
from tests.fixtures.kafka import read_all

WRITERS = 16
TRANSACTIONS = 520
BUS = settings.Bus(lease_seconds=30, batch=40)


TROUBLES = {"a publisher gave up": 2, "a leader was refused": 3, "leases and connections ended": 6}
"""What must have happened how often; it goes on until it has."""


class Rollback(Exception):
    """A transaction that is given up."""


async def test_nothing_is_lost_or_doubled_and_each_image_keeps_its_order(
    news, dsn, connect, make_images, kafka_settings
):
    bus = BUS.model_copy(update=kafka_settings)
    image_ids = await make_images(40)
    writers = await connect(pool_size=WRITERS)
    leaders = await connect(pool_size=8, application_name="leader")
    told: dict[str, list[int]] = defaultdict(list)
    done, happened = asyncio.Event(), Counter[str]()
    around = [asyncio.create_task(_lead(leaders, done, random.Random(n))) for n in range(2)]
    around += [asyncio.create_task(_publish(leaders, bus, done, random.Random(10 + n), happened)) for n in range(2)]
    around.append(asyncio.create_task(_lead_and_not_believe_the_end(leaders, done, happened)))
    around.append(asyncio.create_task(_make_trouble(dsn, done, happened)))
    try:
        await asyncio.gather(*(_write(writers, image_ids, told, random.Random(100 + n)) for n in range(WRITERS)))
        async with asyncio.timeout(60):
            while not all(happened[each] >= least for each, least in TROUBLES.items()):
                await asyncio.sleep(0.02)  # between two looks; the time-out ends this
    finally:
        done.set()
        await asyncio.gather(*around)
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

    await _publish_the_rest(leaders, bus, len(log))
    messages = await read_all(bus.kafka_bootstrap, topics.events(bus).name)
    assert len(messages) > len(log)  # some rounds were sent more than once
    assert {_id_and_position(message) for message in messages} == {(str(event_id), pos) for pos, event_id, *_ in log}
    assert _as_a_subscriber_hears_it(messages) == told


def _id_and_position(message: Any) -> tuple[str, int]:
    headers = dict(message.headers)
    return headers["ce_id"].decode(), int(headers["ce_sequence"])


def _as_a_subscriber_hears_it(messages: list[Any]) -> dict[str, list[int]]:
    """Return the versions of each image, dropping what is not higher than the highest position of its partition."""
    heard: dict[str, list[int]] = defaultdict(list)
    highest: dict[int, int] = defaultdict(int)
    for message in messages:
        _, pos = _id_and_position(message)
        if pos > highest[message.partition]:
            highest[message.partition] = pos
            heard[message.key.decode()].append(int(dict(message.headers)["ce_imageversion"]))
    return heard


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


async def _publish(
    database: Database, bus: settings.Bus, done: asyncio.Event, dice: random.Random, happened: Counter[str]
) -> None:
    """Publish, and be given up in the middle of a round now and then.

    Not while it connects: the client library forgets a connection that is cut off half made.
    """
    publisher, is_connected = Publisher(database, bus, lambda: True), False
    while not done.is_set():
        step = asyncio.create_task(publisher.run_once())
        if is_connected and dice.random() < 0.2:
            await asyncio.sleep(dice.random() / 50)
            happened["a publisher gave up"] += step.cancel()
        try:
            is_connected = await step > 0
        except (Unavailable, asyncio.CancelledError):
            is_connected = False
        await asyncio.sleep(0)
    with contextlib.suppress(Unavailable):
        await publisher.give_back()


async def _publish_the_rest(database: Database, bus: settings.Bus, head: int) -> None:
    async with asyncio.timeout(60), database.transaction() as tx:
        await tx.execute("UPDATE leases SET until = '-infinity'")
    publisher = Publisher(database, bus, lambda: True)
    async with asyncio.timeout(60):
        while await _published(database) < head:
            await publisher.run_once()
            await asyncio.sleep(0)
    await publisher.give_back()


async def _published(database: Database) -> int:
    async with database.reading() as reader:
        return await marks.find(reader, KAFKA, marks.LOG) or 0


async def _lead_and_not_believe_the_end(database: Database, done: asyncio.Event, happened: Counter[str]) -> None:
    """Lead until another does, and go on trying then."""
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
                        happened["a leader was refused"] += 1
                    break
        await asyncio.sleep(0.01)


async def _make_trouble(dsn: str, done: asyncio.Event, happened: Counter[str]) -> None:
    """End the lease of whoever leads, or its connection, several times a second."""
    connection = await asyncpg.connect(dsn)
    while not done.is_set():
        await asyncio.sleep(0.05)
        await connection.execute("UPDATE leases SET until = '-infinity'")
        await connection.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'leader' AND state <> 'idle'
            """
        )
        happened["leases and connections ended"] += 1
    await connection.close()
