"""The envelope: an event of the log as CloudEvents 1.0 writes it, and back.

In binary mode attributes are headers and the value is the data; in structured mode the value is all of it. Data is
never null: in a compacted topic a message without a value would delete what was said before.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import orjson
from cloudevents.core.base import BaseCloudEvent
from cloudevents.core.bindings import kafka
from cloudevents.core.bindings.kafka import KafkaMessage
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from pydantic import ValidationError

from glimpse.database.pool import Actor
from glimpse.errors import Invalid
from schemas.events import SCHEMA_PREFIX, Event

E = TypeVar("E", bound=Event)

FORMAT = JSONFormat()
SEQUENCE_DIGITS = 20
"""So that positions sort as text, too; more than a bigint has."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One event of the log: what was told, by whom, when, and at which position."""

    pos: int
    id: uuid.UUID
    type: str
    subject: str
    version: int | None
    actor: Actor
    traceparent: str | None
    data: bytes
    occurred_at: datetime
    is_abridged: bool = False
    """Whether members of its data were left out, to get through where so much does not."""


def from_record(record: Any) -> Envelope:
    """Make an Envelope of a record that has the columns of `events`."""
    return Envelope(
        pos=record["pos"],
        id=uuid.UUID(bytes=record["id"].bytes),
        type=record["type"],
        subject=record["subject"],
        version=record["version"],
        actor=_actor(orjson.loads(record["actor"])),
        traceparent=record["traceparent"],
        data=record["data"],
        occurred_at=record["occurred_at"],
    )


def source(deployment: str) -> str:
    """Return what a deployment calls itself."""
    return f"//glimpse/{deployment}"


def to_binary(envelope: Envelope, deployment: str) -> KafkaMessage:
    """Write attributes as headers, and the data as it was told as the value."""
    return kafka.to_binary(CloudEvent(_attributes(envelope, deployment), envelope.data), FORMAT)


def to_structured(envelope: Envelope, deployment: str) -> KafkaMessage:
    """Write everything as one JSON document."""
    return kafka.to_structured(CloudEvent(_attributes(envelope, deployment), orjson.loads(envelope.data)), FORMAT)


def from_message(message: KafkaMessage) -> Envelope:
    """Read a message of either mode. Raises Invalid."""
    try:
        event = kafka.from_kafka(message, FORMAT, CloudEvent)
        return _from_cloud_event(event)
    except Exception as error:  # whatever it trips over, it is the message that is wrong
        raise Invalid(f"this is no event of ours: {error or type(error).__name__}") from error


def source_of(message: KafkaMessage) -> str:
    """Return what a message that can be read says of where it comes from."""
    if "ce_source" in message.headers:
        return message.headers["ce_source"].decode()
    told: str = orjson.loads(message.value)["source"]
    return told


def from_structured(document: bytes) -> Envelope:
    """Read one JSON document. Raises Invalid."""
    return from_message(KafkaMessage({}, None, document))


def to_event(envelope: Envelope, kind: type[E]) -> E:
    """Read the data of an event as what it was told as. Raises Invalid with the first thing that is wrong."""
    try:
        told = orjson.loads(envelope.data)
        return kind.model_validate({**told, "subject": envelope.subject, "version": envelope.version})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Invalid(f"{envelope.type} can not be read: {where}: {first['msg']}") from error
    except (ValueError, TypeError) as error:
        raise Invalid(f"{envelope.type} can not be read: its data is no JSON object") from error


def _actor(told: dict[str, Any]) -> Actor:
    """Read who did it; a newer writer may know more of them than we do."""
    return Actor(
        user=told.get("user"),
        project=told.get("project"),
        request_id=told.get("request_id"),
        service=told.get("service"),
    )


def _attributes(envelope: Envelope, deployment: str) -> dict[str, Any]:
    actor = envelope.actor
    authtype = _authtype(actor)
    attributes = {
        "specversion": "1.0",
        "id": str(envelope.id),
        "source": source(deployment),
        "type": envelope.type,
        "subject": envelope.subject,
        "time": envelope.occurred_at,
        "datacontenttype": "application/json",
        "dataschema": f"{SCHEMA_PREFIX}{envelope.type}",
        "partitionkey": envelope.subject,
        "sequence": f"{envelope.pos:0{SEQUENCE_DIGITS}}",
        "imageversion": envelope.version,
        "authtype": authtype,
        "authid": actor.service if authtype == "system" else actor.user,
        "project": actor.project,
        "service": actor.service,
        "requestid": actor.request_id,
        "traceparent": envelope.traceparent,
        "abridged": "true" if envelope.is_abridged else None,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _authtype(actor: Actor) -> str:
    """Say what is known of who did it: a request without a user came from somebody who did not say who they are."""
    if actor.user:
        return "user"
    if actor.request_id:
        return "unauthenticated"
    return "system" if actor.service else "unknown"


def _from_cloud_event(event: BaseCloudEvent) -> Envelope:
    attributes = event.get_attributes()
    data, version = event.get_data(), attributes.get("imageversion")
    if not isinstance(data, dict):
        raise Invalid("it has no data")
    return Envelope(
        pos=int(attributes["sequence"]),
        id=uuid.UUID(attributes["id"]),
        type=attributes["type"],
        subject=attributes["subject"],
        version=None if version is None else int(version),
        actor=Actor(
            user=attributes.get("authid") if attributes.get("authtype") == "user" else None,
            project=attributes.get("project"),
            request_id=attributes.get("requestid"),
            service=attributes.get("service"),
        ),
        traceparent=attributes.get("traceparent"),
        data=orjson.dumps(data),
        occurred_at=attributes["time"],
        is_abridged=attributes.get("abridged") == "true",
    )
