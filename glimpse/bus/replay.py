"""Kept events, told once more to somebody who missed them or is new: their ids and positions stay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from glimpse import settings
from glimpse.bus import log, positions
from glimpse.bus.envelope import Envelope
from glimpse.database.pool import Database


@dataclass(frozen=True, slots=True)
class Part:
    """What is told once more: from a position to another, of one subject or of all."""

    since: int = 0
    until: int | None = None
    """None goes as far as the log did at the beginning: who wants more than that follows it."""
    subject: str | None = None


async def pages(database: Database, part: Part, size: int) -> AsyncIterator[Sequence[Envelope]]:
    """Yield the events of a part, oldest first, some at a time."""
    async with database.reading() as reader:
        head = await positions.find(reader)
    end = head if part.until is None else min(part.until, head)
    pos = part.since
    while pos <= end:
        async with database.reading() as reader:
            if part.subject is None:
                found = await log.list_from(reader, pos, size)
            else:
                found = await log.list_of_subject_from(reader, part.subject, pos, size)
        wanted = [told for told in found if told.pos <= end]
        if wanted:
            yield wanted
        if len(found) < size:
            return
        pos = found[-1].pos + 1


async def to_topic(database: Database, bus: settings.Bus, part: Part, name: str) -> int:
    """Tell a part to a topic, made when it is missing; returns how many events. Raises Invalid, Unavailable."""
    from aiokafka import AIOKafkaProducer  # loaded only where there is a Kafka

    from glimpse.bus import connection, records, topics

    topic = topics.replayed(bus, name)
    (found,) = await topics.ensure(bus, [topic])
    count = 0
    with connection.answering():
        producer = AIOKafkaProducer(
            **connection.reached(bus),
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_request_size=found.message_bytes,
        )
        await producer.start()
        try:
            async for page in pages(database, part, bus.batch):
                written = [records.of_event(told, bus, found.message_bytes) for told in page]
                sent = [await producer.send(name, each.value, each.key, headers=each.headers) for each in written]
                await asyncio.gather(*sent)
                count += len(page)
        finally:
            await connection.stopped(producer.stop, bus.kafka_request_timeout_seconds)
    return count
