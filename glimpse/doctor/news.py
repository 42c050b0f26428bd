"""Where news is published: Apache Kafka, where there is one."""

from collections.abc import AsyncIterator

from glimpse.bus import topics
from glimpse.doctor.finding import Finding, failed, ok, warning
from glimpse.errors import Invalid, Unavailable
from glimpse.settings import Settings


async def look(settings: Settings) -> AsyncIterator[Finding]:
    """Say how Kafka is, and our topics there."""
    bus = settings.bus
    if bus.kafka_bootstrap is None:
        yield ok("kafka", "not configured: the log in the database is the bus")
        return
    wanted = [topics.events(bus), topics.state(bus)]
    try:
        brokers, there = await topics.look(bus)
    except Invalid as error:
        yield failed("kafka", error.message, "set bus.kafka_ca_file, kafka_cert_file and kafka_key_file to PEM files")
        return
    except Unavailable as error:
        yield failed(
            "kafka",
            f"{bus.kafka_bootstrap}: {error.message}",
            "start it, or set bus.kafka_bootstrap, kafka_security_protocol and who we are there",
        )
        return
    text = f"{brokers} brokers at {bus.kafka_bootstrap}"
    missing = [topic.name for topic in wanted if topic.name not in there]
    few = {topic.name: there[topic.name] for topic in wanted if topic.name in there}
    other = [
        f"{topic.name} has {few[topic.name]}"
        for topic in wanted
        if few.get(topic.name, topic.partitions) != topic.partitions
    ]
    if missing:
        yield warning(
            "kafka",
            f"{text}; not there, or not to be seen by us: {', '.join(missing)}",
            "nothing, when we may make topics; otherwise make them, and let us describe, read and write them",
        )
    elif other:
        yield warning(
            "kafka",
            f"{text}; bus.kafka_partitions is {bus.kafka_partitions}, but {', '.join(other)}",
            "set bus.kafka_partitions to what there is: partitions are for ever",
        )
    else:
        yield ok("kafka", f"{text}; the topics are there")
