"""Kafka away, come late, and told by a leader who is killed: every committed change is told there, in order."""

import random
import uuid

import pytest

from tests.chaos import clocks
from tests.chaos.checker import Checker, Topics

NOISE = random.Random(11).randbytes(200_000)
OCTETS = {"Content_Type": "application/octet-stream"}
LIFE = ["created", "stage.started", "staged", "import.requested", "activated", "deleted", "purged"]


async def journey(glimpse):
    """Take an image from its making to its purge; returns its id."""
    image_id = glimpse.create()["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/stage", NOISE, **OCTETS).status == 204
    assert glimpse.ask("POST", f"/v2/images/{image_id}/import", {"method": {"name": "glance-direct"}}).status == 202
    glimpse.wait(image_id, lambda image: image["status"] == "active")
    assert glimpse.ask("GET", f"/v2/images/{image_id}/file").content == NOISE
    assert glimpse.ask("DELETE", f"/v2/images/{image_id}").status == 204
    purged = "SELECT 1 FROM events WHERE subject = $1 AND type = 'io.glimpse.image.purged.v1'"
    await glimpse.until_async(lambda: glimpse.query(purged, image_id))
    assert glimpse.facts(image_id) == LIFE
    return image_id


async def told_in(topics, image_id):
    """Return the ids of the messages about an image, repeats included."""
    return [dict(each.headers)["ce_id"].decode() for each in await topics.events() if each.key.decode() == image_id]


@pytest.mark.parametrize("glimpse", ["kafka"], indirect=True)
async def test_the_leader_is_killed_between_kafkas_acknowledgement_and_its_mark(glimpse, checker, gate):
    async with gate("UPDATE", "marks", "NEW.reader = 'kafka'") as held:
        image_id = glimpse.create()["id"]
        await held.reached()
        assert len(await told_in(glimpse.topics, image_id)) == 1
        glimpse.kill("api")
    glimpse.wait_until_ready()
    await checker.in_order()
    one, other = await told_in(glimpse.topics, image_id)
    assert one == other


@pytest.mark.parametrize("glimpse", ["kafka"], indirect=True)
async def test_nothing_is_heard_of_what_is_not_committed_yet(glimpse, checker, gate):
    image_id = str(uuid.uuid4())
    async with gate("INSERT", "events") as held:  # it is in the outbox, and is being given its position
        glimpse.create(id=image_id)
        await held.reached()
        assert await told_in(glimpse.topics, image_id) == []
    await checker.in_order()
    assert len(await told_in(glimpse.topics, image_id)) == 1


async def test_kafka_is_away_for_the_whole_journey(roomy, start, broker):
    folder = roomy / uuid.uuid4().hex
    folder.mkdir(mode=0o755)
    broker.kill()
    with start(folder, *clocks.words(), "--kafka", broker.bootstrap) as glimpse:
        image_id = await journey(glimpse)
        broker.start()
        topics = Topics(broker.bootstrap)
        await Checker(glimpse, topics).in_order()
        assert await told_in(topics, image_id) == [event["id"] for event in glimpse.events(image_id)]


async def test_switched_on_later_kafka_is_told_from_the_oldest_event_that_is_kept(roomy, start, kafka, kafka_settings):
    folder, topics = roomy / uuid.uuid4().hex, Topics(kafka, kafka_settings["kafka_topic_prefix"])
    folder.mkdir(mode=0o755)
    with start(folder, *clocks.words()) as glimpse:
        image_id = await journey(glimpse)
        kept = glimpse.create()["id"]
    with start(folder, *clocks.words(**{"bus.kafka_topic_prefix": topics.prefix}), "--kafka", kafka) as glimpse:
        await Checker(glimpse, topics).in_order()
        assert await told_in(topics, image_id) == [event["id"] for event in glimpse.events(image_id)]
        assert (await topics.states())[kept]["status"] == "queued"
