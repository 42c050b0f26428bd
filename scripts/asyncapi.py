"""schemas/asyncapi.yaml: what is told in Kafka, topic by topic, as AsyncAPI 3.0 for those who generate code from it."""

from typing import Any

import yaml

from glimpse import settings
from glimpse.bus import topics
from glimpse.bus.envelope import SEQUENCE_DIGITS, source
from glimpse.bus.topics import Topic
from schemas.events import SCHEMA_PREFIX, Event, ImageState, every_event

Kind = type[Event] | type[ImageState]

BUS = settings.Bus()
TEXT = {"type": "string", "minLength": 1}
JSON_SCHEMA = "application/schema+json;version=draft-2020-12"
BINDING = "0.5.0"

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "ce_specversion": {"const": "1.0"},
    "ce_id": TEXT,
    "ce_source": {"type": "string", "pattern": f"^{source('')}"},
    "ce_type": TEXT,
    "ce_subject": TEXT,
    "ce_time": {"type": "string", "format": "date-time"},
    "ce_dataschema": {"type": "string", "pattern": f"^{SCHEMA_PREFIX}"},
    "ce_partitionkey": TEXT,
    "ce_sequence": {"type": "string", "pattern": f"^[0-9]{{{SEQUENCE_DIGITS}}}$"},
    "content-type": {"const": "application/json"},
}
"""Headers that are always there."""

OPTIONAL: dict[str, dict[str, Any]] = {
    "ce_imageversion": {"type": "string", "pattern": "^[0-9]+$"},
    "ce_authtype": {"enum": ["user", "unauthenticated", "system", "unknown"]},
    "ce_authid": TEXT,
    "ce_project": TEXT,
    "ce_service": TEXT,
    "ce_requestid": TEXT,
    "ce_traceparent": TEXT,
    "ce_abridged": {"const": "true"},
}
"""Headers that are left out where nothing is known."""


def page() -> str:
    """Return the whole document."""
    text: str = yaml.safe_dump(_document(), sort_keys=False, width=120, allow_unicode=True)
    return f"# Made by `make schemas` from schemas/events.py and scripts/asyncapi.py; do not edit it by hand.\n{text}"


def _document() -> dict[str, Any]:
    facts: list[Kind] = [*every_event()]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Glimpse",
            "version": "1",
            "description": "Everything that happens to images, and how each of them is now. See docs/events.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "kafka": {
                "host": "kafka:9092",
                "protocol": "kafka",
                "description": "The one that bus.kafka_bootstrap names.",
            }
        },
        "channels": {
            "events": _channel(topics.events(BUS), "Every fact, in order for each subject.", facts),
            "state": _channel(topics.state(BUS), "Each image as it is now; null once it is gone.", [ImageState]),
        },
        "operations": {
            "tellEvents": _operation("events", "Told when it was committed, at least once."),
            "tellState": _operation("state", "Told after the event that led to it."),
        },
        "components": {
            "messages": {name(kind): _message(kind) for kind in [*facts, ImageState]},
            "messageTraits": {"cloudEvent": _trait()},
        },
    }


def name(kind: Kind) -> str:
    """Return what a message is called in the document: its type without what all of them begin with."""
    return kind.type().removeprefix("io.glimpse.")


def _channel(topic: Topic, says: str, kinds: list[Kind]) -> dict[str, Any]:
    configs: dict[str, Any] = {
        key: int(value) if value.isdigit() else [value] if key == "cleanup.policy" else value
        for key, value in topic.configs.items()
    }
    return {
        "address": topic.name,
        "description": f"{says} `bus.kafka_topic_prefix` is what its name begins with.",
        "messages": {name(kind): {"$ref": f"#/components/messages/{name(kind)}"} for kind in kinds},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": topic.partitions,
                "topicConfiguration": configs,
                "bindingVersion": BINDING,
            }
        },
    }


def _operation(channel: str, says: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{channel}"}, "summary": says}


def _message(kind: Kind) -> dict[str, Any]:
    return {
        "name": kind.type(),
        "title": name(kind),
        "summary": " ".join((kind.__doc__ or "").split()),
        "headers": {"type": "object", "properties": {"ce_type": {"const": kind.type()}}},
        "payload": {"schemaFormat": JSON_SCHEMA, "schema": {"$ref": f"./json/{kind.type()}.json"}},
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
    }


def _trait() -> dict[str, Any]:
    return {
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": list(ATTRIBUTES),
            "properties": {**ATTRIBUTES, **OPTIONAL},
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "What it is about: the subject."},
                "bindingVersion": BINDING,
            }
        },
    }
