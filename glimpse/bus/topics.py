"""The topics there are, with what they promise: made when they are missing, and looked at when they are there."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import TopicAlreadyExistsError, for_code

from glimpse import settings
from glimpse.bus import connection
from glimpse.errors import Invalid, Unavailable

log = structlog.get_logger()

DAY = 86_400_000
TOMBSTONES_DAYS = 7
"""How long a compacted topic says that an image is gone, for those who read it from the beginning meanwhile."""

MESSAGE_BYTES = 1_048_588
"""What a topic takes at once when nobody says."""

COPIES = 3
"""Of a topic that we make, when nobody says how many, and there are brokers enough."""


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be."""

    name: str
    partitions: int
    configs: dict[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is."""

    partitions: int
    message_bytes: int
    """The largest batch that it takes."""


def events(bus: settings.Bus) -> Topic:
    """Every fact."""
    keep = round(bus.kafka_keep_days * DAY)
    return Topic(
        f"{bus.kafka_topic_prefix}.image.events.v1",
        bus.kafka_partitions,
        {"cleanup.policy": "delete", "retention.ms": f"{keep}"},
    )


def state(bus: settings.Bus) -> Topic:
    """Each image as it is now."""
    return Topic(
        f"{bus.kafka_topic_prefix}.image.state.v1",
        bus.kafka_partitions,
        {"cleanup.policy": "compact", "delete.retention.ms": f"{TOMBSTONES_DAYS * DAY}"},
    )


def dead_letters(bus: settings.Bus, group: str) -> Topic:
    """What a group found in the events topic and could not read."""
    keep = round(bus.dead_letter_days * DAY)
    return Topic(f"{events(bus).name}.{group}.dlq", 1, {"cleanup.policy": "delete", "retention.ms": f"{keep}"})


def replayed(bus: settings.Bus, name: str) -> Topic:
    """A topic that kept events are told to once more. Raises Invalid for ours: who reads those has heard them."""
    if name.startswith(f"{bus.kafka_topic_prefix}.image."):
        raise Invalid(f"{name} is read by others, who would hear all of it again: name a topic of its own")
    return Topic(name, bus.kafka_partitions, {"cleanup.policy": "delete"})


async def ensure(bus: settings.Bus, wanted: Sequence[Topic]) -> list[Found]:
    """Make those that are missing, say where the others differ, and return what there is. Raises Unavailable."""
    with connection.answering():
        async with asyncio.timeout(bus.kafka_request_timeout_seconds):
            admin = AIOKafkaAdminClient(**connection.reached(bus))
            try:
                await admin.start()
                there = await admin.list_topics()
                missing = [topic for topic in wanted if topic.name not in there]
                if missing:
                    await _make(admin, bus, missing)
                partitions = await _partitions(admin, [topic.name for topic in wanted])
                configs = await _configs(admin, [topic.name for topic in wanted])
            finally:
                await admin.close()
    return [_looked_at(topic, partitions[topic.name], configs.get(topic.name, {})) for topic in wanted]


async def look(bus: settings.Bus) -> tuple[int, dict[str, int]]:
    """Return how many brokers there are, and the partitions of each of our topics that is there. Raises Unavailable."""
    with connection.answering():
        async with asyncio.timeout(bus.kafka_request_timeout_seconds):
            admin = AIOKafkaAdminClient(**connection.reached(bus))
            try:
                await admin.start()
                brokers = (await admin.describe_cluster())["brokers"]
                there = set(await admin.list_topics())
                ours = [topic.name for topic in (events(bus), state(bus)) if topic.name in there]
                return len(brokers), await _partitions(admin, ours) if ours else {}
            finally:
                await admin.close()


async def is_there(bus: settings.Bus, topic: Topic) -> bool:
    """Say whether a topic exists, without making it. Raises Unavailable."""
    with connection.answering():
        async with asyncio.timeout(bus.kafka_request_timeout_seconds):
            admin = AIOKafkaAdminClient(**connection.reached(bus))
            try:
                await admin.start()
                return topic.name in await admin.list_topics()
            finally:
                await admin.close()


async def _make(admin: AIOKafkaAdminClient, bus: settings.Bus, missing: Sequence[Topic]) -> None:
    brokers = (await admin.describe_cluster())["brokers"]
    copies = bus.kafka_replication_factor or min(COPIES, len(brokers))
    safe = {"min.insync.replicas": f"{copies - 1}"} if copies > 2 else {}
    made = [NewTopic(topic.name, topic.partitions, copies, topic_configs=topic.configs | safe) for topic in missing]
    for name, code, message, *_ in (await admin.create_topics(made)).topic_errors:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            raise Unavailable(f"the topic {name} is missing and can not be made: {message or error.__name__}")
        if not code:
            log.info("topic made", topic=name)


async def _partitions(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, int]:
    """Return how many partitions topics have; what was just made is not known to every broker at once."""
    while True:
        found = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics()}
        if all(found.get(name) for name in names):
            return found
        await asyncio.sleep(0.05)  # the time-out of whoever asks ends this


async def _configs(admin: AIOKafkaAdminClient, names: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return how topics are set up, by name; of those we may not ask about, nothing."""
    asked = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in await admin.describe_configs(asked)
        for code, _, _, name, entries in answer.resources
        if code == 0
    }


def _looked_at(topic: Topic, partitions: int, configs: dict[str, str]) -> Found:
    differing = {name: configs[name] for name, value in topic.configs.items() if configs.get(name, value) != value}
    if partitions != topic.partitions:
        differing["partitions"] = f"{partitions}"
    if differing:
        wanted = {name: topic.configs.get(name, f"{topic.partitions}") for name in differing}
        log.warning("topic is set up otherwise", topic=topic.name, found=differing, wanted=wanted)
    return Found(partitions, int(configs.get("max.message.bytes", MESSAGE_BYTES)))
