"""Messages in the events topic that are no events of ours: put aside in a topic of the group's own, as they came.

Who can not be read has no position, and can not be tried again; what can be done is to look at it.
"""

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from cloudevents.core.bindings.kafka import KafkaMessage

from glimpse import settings
from glimpse.bus import connection, envelope, lag, topics
from glimpse.bus.envelope import Envelope
from glimpse.errors import Invalid, TooManyDeadLetters

log = structlog.get_logger()

LONGEST_REASON = 2000


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
