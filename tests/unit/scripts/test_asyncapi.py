"""schemas/asyncapi.yaml says what is really sent: every example, as Kafka gets it, is what its message says."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from glimpse import settings
from glimpse.bus import envelope, records, topics
from glimpse.bus.records import Record, State
from schemas.events import ImageState, every_event
from scripts import asyncapi

SCHEMAS = Path(__file__).parents[3] / "schemas"
EXAMPLES = sorted((SCHEMAS / "examples").glob("*/*.json"))
DOCUMENT: dict[str, Any] = yaml.safe_load(asyncapi.page())
BUS = settings.Bus()


def follow(reference: str) -> Any:
    """Return what a reference leads to, in the document or in a file beside it."""
    if not reference.startswith("#/"):
        return json.loads((SCHEMAS / reference).read_text())
    found: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(part: Any) -> list[str]:
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else []
    own = [part["$ref"]] if isinstance(part, dict) and "$ref" in part else []
    return own + [found for each in inner for found in references(each)]


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert len(found) > 20
    assert all(follow(reference) for reference in found)


def test_it_has_what_a_document_must_have() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= DOCUMENT["info"].keys()
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] in ("send", "receive")
        assert follow(operation["channel"]["$ref"])["messages"]
    for server in DOCUMENT["servers"].values():
        assert {"host", "protocol"} <= server.keys()


def test_every_fact_is_a_message_of_the_events_topic() -> None:
    said = [follow(message["$ref"])["name"] for message in DOCUMENT["channels"]["events"]["messages"].values()]
    assert said == [kind.type() for kind in every_event()]


@pytest.mark.parametrize("topic", [topics.events(BUS), topics.state(BUS)], ids=lambda topic: topic.name)
def test_a_topic_is_as_it_is_made(topic: topics.Topic) -> None:
    (channel,) = [each for each in DOCUMENT["channels"].values() if each["address"] == topic.name]
    kafka = channel["bindings"]["kafka"]
    said = {
        key: value[0] if isinstance(value, list) else str(value) for key, value in kafka["topicConfiguration"].items()
    }
    assert (kafka["topic"], kafka["partitions"], said) == (topic.name, topic.partitions, topic.configs)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_event_in_kafka_is_what_its_message_says(example: Path) -> None:
    told = envelope.from_structured(example.read_bytes())
    is_as_said(told.type, records.of_event(told, BUS, 1_000_000))
    if "image" in json.loads(told.data):  # of which something can be left out
        is_as_said(told.type, records.of_event(told, BUS, records.OVERHEAD + len(told.data) - 1))


def test_an_image_in_kafka_is_what_its_message_says() -> None:
    state = State({"id": "i1", "status": "active"}, 7, 42, datetime(2026, 11, 25, tzinfo=UTC))
    is_as_said(ImageState.type(), records.of_state("i1", state, BUS, 1_000_000))


def is_as_said(name: str, record: Record) -> None:
    message = DOCUMENT["components"]["messages"][name.removeprefix("io.glimpse.")]
    (trait,) = [follow(trait["$ref"]) for trait in message["traits"]]
    headers = {name: value.decode() for name, value in record.headers}
    assert headers["ce_type"] == message["name"]
    assert headers.keys() <= trait["headers"]["properties"].keys()
    for schema in (message["headers"], trait["headers"]):
        jsonschema.validate(headers, schema)
    assert record.value is not None
    jsonschema.validate(json.loads(record.value), follow(message["payload"]["schema"]["$ref"]))
