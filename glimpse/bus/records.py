"""What Kafka is given: an event of the log, and an image as it is now; abridged where Kafka would refuse it.

The key is what order is kept by. The value of an event is never null; in the compacted topic a null says that an image
is gone for good.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import orjson
from cloudevents.core.bindings import kafka
from cloudevents.core.bindings.kafka import KafkaMessage
from cloudevents.core.v1.event import CloudEvent

from glimpse import settings
from glimpse.bus import envelope
from glimpse.bus.envelope import FORMAT, SEQUENCE_DIGITS, Envelope
from schemas.events import SCHEMA_PREFIX, ImageState
from schemas.vocabulary import Status

OVERHEAD = 2048
"""What a message is larger than its data by, at most: headers, key, and what Kafka puts around a batch."""


@dataclass(frozen=True, slots=True)
class Record:
    """A message before it has an offset."""

    key: bytes
    value: bytes | None
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class State:
    """An image as it is at a position of the log."""

    image: dict[str, Any]
    version: int
    pos: int
    at: datetime

    @property
    def is_gone(self) -> bool:
        """Whether nothing of it can come back."""
        return bool(self.image.get("status") == Status.DELETED)


def of_event(told: Envelope, bus: settings.Bus, limit: int) -> Record:
    """Write an event of the log in the mode that is set, at most as large as `limit`."""
    data = abridged(told.data, limit - OVERHEAD)
    if data is not told.data:
        told = replace(told, data=data, is_abridged=True)
    write = envelope.to_structured if bus.kafka_mode == "structured" else envelope.to_binary
    return _record(write(told, bus.deployment))


def state_after(told: Envelope) -> State | None:
    """Return what an event says of how its image is now; None when it says nothing of that."""
    image = orjson.loads(told.data).get("image")
    if image is None or told.version is None:
        return None
    return State(image, told.version, told.pos, told.occurred_at)


def of_state(image_id: str, state: State, bus: settings.Bus, limit: int) -> Record:
    """Write an image as it is now, or that it is gone for good."""
    if state.is_gone:
        return Record(image_id.encode(), None, [])
    whole = orjson.dumps(ImageState(image=state.image).model_dump())
    data = abridged(whole, limit - OVERHEAD)
    attributes = {
        "specversion": "1.0",
        "id": f"{image_id}/{state.version}",
        "source": envelope.source(bus.deployment),
        "type": ImageState.type(),
        "subject": image_id,
        "time": state.at,
        "datacontenttype": "application/json",
        "dataschema": f"{SCHEMA_PREFIX}{ImageState.type()}",
        "partitionkey": image_id,
        "sequence": f"{state.pos:0{SEQUENCE_DIGITS}}",
        "imageversion": state.version,
    }
    if data is not whole:
        attributes["abridged"] = "true"
    if bus.kafka_mode == "structured":
        return _record(kafka.to_structured(CloudEvent(attributes, orjson.loads(data)), FORMAT))
    return _record(kafka.to_binary(CloudEvent(attributes, data), FORMAT))


def abridged(data: bytes, limit: int) -> bytes:
    """Return a JSON object without its largest parts, until it is small enough; as it is when it fits.

    What its members hold goes first (properties, tags), then members themselves.
    """
    if len(data) <= limit:
        return data
    told = orjson.loads(data)
    for holders in (_inner(told), [told]):
        data = _without_the_largest(told, holders, len(data) - limit)
    return data


def _without_the_largest(told: dict[str, Any], holders: list[dict[str, Any]], too_much: int) -> bytes:
    for size, holder, name in _largest_first(holders):
        if too_much <= 0:
            break
        del holder[name]
        too_much -= size
    return orjson.dumps(told)


def _inner(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [member for member in told.values() if isinstance(member, dict)]


def _largest_first(holders: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any], str]]:
    """Return every member of some objects, with its size and where it is."""
    parts = [(len(orjson.dumps(part)), holder, name) for holder in holders for name, part in holder.items()]
    return sorted(parts, key=lambda part: part[0], reverse=True)


def _record(message: KafkaMessage) -> Record:
    key = message.key.encode() if isinstance(message.key, str) else message.key or b""
    return Record(key, message.value, list(message.headers.items()))
