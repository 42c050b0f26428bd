"""Messages in the events topic that are no events of ours: put aside in a topic of the group's own, as they came.

Who can not be read has no position, and can not be tried again; what can be done is to look at it.
"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from cloudevents.core.bindings.kafka import KafkaMessage

from glimpse import settings
from glimpse.bus import connection, envelope, lag, topics
from glimpse.bus.envelope import Envelope
from glimpse.errors import Invalid, TooManyDeadLetters

log = structlog.get_logger()

LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A message that was put aside, and where it was found."""

    partition: int
    offset: int
    key: str
    reason: str
    put_aside_at: datetime


def read(record: Any, deployment: str, seen: int) -> Envelope | None:
    """Return the event that a message is; None when its position was seen. Raises Invalid when it is none of ours."""
    message = KafkaMessage(dict(record.headers), record.key, record.value or b"")
    told = envelope.from_message(message)
    if told.pos <= seen:
        return None
    source = envelope.source_of(message)
    if source != envelope.source(deployment):
        raise Invalid(f"it comes from {source}: each deployment needs a bus.kafka_topic_prefix of its own")
    return told


async def put_aside(bus: settings.Bus, group: str, record: Any, reason: str) -> None:
    """Keep a message with its own headers, and ours that say where it was and what is wrong with it.

    Raises TooManyDeadLetters when a group has put aside as many as it may, and Unavailable.
    """
    topic = topics.dead_letters(bus, group)
    await topics.ensure(bus, [topic])
    if await lag.count(bus, topic.name) >= bus.dead_letter_limit:
        raise TooManyDeadLetters(
            f"{group} stops before offset {record.offset} of partition {record.partition} ({reason}): it has put aside "
            f"as many as it may; see `glimpse events dlq unreadable`, drop them, and start it"
        )
    ours = {
        "glimpse_reason": reason[:LONGEST_REASON],
        "glimpse_topic": record.topic,
        "glimpse_partition": f"{record.partition}",
        "glimpse_offset": f"{record.offset}",
    }
    headers = [*record.headers, *((name, text.encode()) for name, text in ours.items())]
    value = record.value if record.key is not None else record.value or b""  # Kafka takes none with neither
    with connection.answering():
        async with asyncio.timeout(bus.kafka_request_timeout_seconds):
            producer = AIOKafkaProducer(**connection.reached(bus), acks="all")
            try:
                await producer.start()
                await producer.send_and_wait(topic.name, value, record.key, headers=headers)
            finally:
                await connection.stopped(producer.stop, bus.kafka_request_timeout_seconds)
    log.error("message put aside", group=group, partition=record.partition, offset=record.offset, reason=reason)


async def list_of(bus: settings.Bus, group: str) -> list[Unreadable]:
    """Return what a group put aside, oldest first. Raises Unavailable."""
    topic = topics.dead_letters(bus, group)
    if not await topics.is_there(bus, topic):
        return []
    left = await lag.count(bus, topic.name)
    with connection.answering():
        async with asyncio.timeout(bus.kafka_request_timeout_seconds):
            consumer = AIOKafkaConsumer(topic.name, **connection.reached(bus), auto_offset_reset="earliest")
            try:
                await consumer.start()
                return [_found(await consumer.getone()) for _ in range(left)]
            finally:
                await consumer.stop()


async def drop(bus: settings.Bus, group: str) -> int:
    """Drop what a group put aside; returns how much that was. Raises Unavailable."""
    topic = topics.dead_letters(bus, group)
    if not await topics.is_there(bus, topic):
        return 0
    dropped = await lag.count(bus, topic.name)
    with connection.answering():
        async with asyncio.timeout(bus.kafka_request_timeout_seconds):
            admin = AIOKafkaAdminClient(**connection.reached(bus))
            try:
                await admin.start()
                await admin.delete_records({TopicPartition(topic.name, 0): RecordsToDelete(-1)})  # up to the end
            finally:
                await admin.close()
    return dropped


def _found(record: Any) -> Unreadable:
    said = {name: value.decode() for name, value in record.headers if name.startswith("glimpse_")}
    return Unreadable(
        partition=int(said["glimpse_partition"]),
        offset=int(said["glimpse_offset"]),
        key=(record.key or b"").decode(errors="replace"),
        reason=said["glimpse_reason"],
        put_aside_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
    )
