"""How far a group is in Kafka's own eyes, asked with a connection of its own: whoever is stuck can not say so."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from glimpse import settings
from glimpse.bus import connection, topics


@dataclass(frozen=True, slots=True)
class Lag:
    """Where a group is in one partition, and where that ends."""

    committed: int
    end: int

    @property
    def behind(self) -> int:
        """How many messages it has not read."""
        return max(0, self.end - self.committed)


def group_id(bus: settings.Bus, group: str) -> str:
    """Return what a group is called in Kafka, where groups of other deployments may be."""
    return f"{bus.kafka_topic_prefix}.{group}"


async def of_group(bus: settings.Bus, group: str) -> dict[int, Lag]:
    """Return how far a group is in the events topic, by partition. Raises Unavailable."""
    topic = topics.events(bus).name
    begins, ends = await _range(bus, topic)
    with connection.answering():
        async with asyncio.timeout(bus.kafka_request_timeout_seconds):
            admin = AIOKafkaAdminClient(**connection.reached(bus))
            try:
                await admin.start()
                found = await admin.list_consumer_group_offsets(group_id(bus, group))
            finally:
                await admin.close()
    committed = {each.partition: at.offset for each, at in found.items() if each.topic == topic}
    return {number: Lag(max(committed.get(number, 0), begins[number]), ends[number]) for number in begins}


async def count(bus: settings.Bus, topic: str) -> int:
    """Return how many messages a topic holds. Raises Unavailable."""
    begins, ends = await _range(bus, topic)
    return sum(ends.values()) - sum(begins.values())


async def _range(bus: settings.Bus, topic: str) -> tuple[dict[int, int], dict[int, int]]:
    with connection.answering():
        async with asyncio.timeout(bus.kafka_request_timeout_seconds):
            consumer = AIOKafkaConsumer(topic, **connection.reached(bus), fetch_max_wait_ms=1)  # we wait behind it
            try:
                await consumer.start()
                partitions = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
                begins = await consumer.beginning_offsets(partitions)
                ends = await consumer.end_offsets(partitions)
            finally:
                await consumer.stop()
    return _by_partition(begins.items()), _by_partition(ends.items())


def _by_partition(offsets: Iterable[tuple[TopicPartition, int]]) -> dict[int, int]:
    return {partition.partition: offset for partition, offset in offsets}
