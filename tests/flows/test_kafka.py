"""Glimpse with Kafka beside it: what happens to an image is heard there, by its own services and by everybody else."""

import asyncio
import json
import random
from typing import Any

import pytest

from tests.fixtures.kafka import read_all

NOISE = random.Random(7).randbytes(300_000)
OCTETS = {"Content_Type": "application/octet-stream"}
FACTS = ["created", "stage.started", "staged", "import.requested", "activated", "deleted", "purged"]


@pytest.fixture
def glimpse(roomy, start, kafka, kafka_settings):
    """A Glimpse that publishes, and takes its time to look for work that no news told of."""
    prefix = kafka_settings["kafka_topic_prefix"]
    folder = roomy / prefix
    folder.mkdir(mode=0o755)
    told = {"bus.kafka_topic_prefix": prefix, "import.poll_seconds": "3600", "scrubber.sweep_seconds": "3600"}
    told |= {"scrubber.grace_seconds": "0", "scrubber.delayed_delete": "false"}
    settings = [word for name, value in told.items() for word in ("--set", f"{name}={value}")]
    with start(folder, "--kafka", kafka, *settings) as running:
        running.events_topic, running.state_topic = f"{prefix}.image.events.v1", f"{prefix}.image.state.v1"
        yield running


def heard(kafka: str, topic: str, image_id: str) -> list[Any]:
    return [message for message in asyncio.run(read_all(kafka, topic)) if message.key == image_id.encode()]


def test_an_images_life_is_heard_in_kafka_and_kafka_wakes_those_who_work_on_it(glimpse, kafka):
    image_id = glimpse.create(name="mine")["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/stage", NOISE, **OCTETS).status == 204
    assert glimpse.ask("POST", f"/v2/images/{image_id}/import", {"method": {"name": "glance-direct"}}).status == 202
    image = glimpse.wait(image_id, lambda image: image["status"] == "active")
    glimpse.until(lambda: state(kafka, glimpse, image_id) == image)
    assert glimpse.ask("DELETE", f"/v2/images/{image_id}").status == 204
    glimpse.until(lambda: glimpse.facts(image_id) == FACTS)
    glimpse.until(lambda: state(kafka, glimpse, image_id) is None)
    told = [dict(message.headers)["ce_id"].decode() for message in heard(kafka, glimpse.events_topic, image_id)]
    assert told == [event["id"] for event in glimpse.events(image_id)]


def state(kafka: str, glimpse: Any, image_id: str) -> Any:
    """Return the image as Kafka knows it; None when it is gone, nothing when it is not known yet."""
    known = [
        message.value and json.loads(message.value)["image"] for message in heard(kafka, glimpse.state_topic, image_id)
    ]
    return known[-1] if known else {}
