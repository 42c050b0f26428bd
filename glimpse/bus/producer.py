"""Records on their way to Kafka: in batches, once each however often a request is repeated, kept by every replica.

A round is one batch for each partition of the events topic, and all of it is acknowledged before the next begins.
So whatever arrives late or twice, whoever sent it, no event can get before one that it must follow: every batch
begins right behind something that is there already.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner

from glimpse import settings
from glimpse.bus import connection, topics
from glimpse.bus.records import Record

MARGIN = 0.95
"""Of what a topic takes: to compress may make a batch larger."""

BATCH_BYTES = 1_000_000
"""Of more than one record; for a larger one there is a batch of its own."""

PARTITION = DefaultPartitioner()
"""As Java's clients have it."""


class Batches:
    """Records for one topic, gathered by partition."""

    def __init__(self, producer: Any, topic: str, partitions: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = list(range(partitions))
        self._open: dict[int, Any] = {}
        self._full: list[tuple[int, Any]] = []

    def add(self, record: Record) -> bool:
        """Take a record into the batch of its partition; False when that is full."""
        return _append(self._batch(self._partition(record)), record)

    def add_anyway(self, record: Record) -> None:
        """Take a record, into one more batch when one is full: for records whose order does not matter."""
        if not self.add(record):
            partition = self._partition(record)
            self._full.append((partition, self._open.pop(partition)))
            self.add(record)

    def _partition(self, record: Record) -> int:
        number: int = PARTITION(record.key, self._partitions, self._partitions)
        return number

    def _batch(self, partition: int) -> Any:
        if partition not in self._open:
            self._open[partition] = self._producer.create_batch()
        return self._open[partition]

    async def send(self) -> list[asyncio.Future[Any]]:
        """Hand everything to the producer; returns what will say that it is kept."""
        batches = [*self._full, *self._open.items()]
        return [await self._producer.send_batch(batch, self._topic, partition=number) for number, batch in batches]


class Producer:
    """A connection that events leave by. One that failed is not used again."""

    def __init__(self, bus: settings.Bus, producer: Any, events: topics.Found, state: topics.Found) -> None:
        self._bus = bus
        self._producer = producer
        self._events = events
        self._state = state

    @classmethod
    async def open(cls, bus: settings.Bus) -> Self:
        """Connect, and see that the topics are there. Raises Unavailable."""
        events, state = await topics.ensure(bus, [topics.events(bus), topics.state(bus)])
        producer = AIOKafkaProducer(
            **connection.reached(bus),
            acks="all",
            enable_idempotence=True,
            compression_type="zstd",
            max_batch_size=min(_limit(events, state), BATCH_BYTES),
        )
        opened = cls(bus, producer, events, state)
        try:
            with connection.answering():
                async with asyncio.timeout(bus.kafka_request_timeout_seconds):
                    await producer.start()
        except BaseException:
            await asyncio.shield(opened.abandon())
            raise
        return opened

    @property
    def limit(self) -> int:
        """How large a record may be."""
        return _limit(self._events, self._state)

    def events(self) -> Batches:
        """Return an empty round of events."""
        return Batches(self._producer, topics.events(self._bus).name, self._events.partitions)

    def state(self) -> Batches:
        """Return an empty round of what images are now."""
        return Batches(self._producer, topics.state(self._bus).name, self._state.partitions)

    async def send(self, rounds: Sequence[Batches]) -> None:
        """Send and wait until all of it is kept. Raises Unavailable: then it is not known what is."""
        with connection.answering():
            async with asyncio.timeout(self._bus.kafka_request_timeout_seconds):
                kept = [future for batches in rounds for future in await batches.send()]
                for outcome in await asyncio.gather(*kept, return_exceptions=True):
                    if isinstance(outcome, BaseException):
                        raise outcome

    async def abandon(self) -> None:
        """Close it without waiting for what could not be sent: the driver would wait until Kafka is back."""
        self._producer._closed = True
        await connection.stopped(self._producer._sender.close, self._bus.kafka_request_timeout_seconds)
        await connection.stopped(self._producer.client.close, self._bus.kafka_request_timeout_seconds)


def _limit(*found: topics.Found) -> int:
    return round(min(topic.message_bytes for topic in found) * MARGIN)


def _append(batch: Any, record: Record) -> bool:
    added = batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
    return added is not None
