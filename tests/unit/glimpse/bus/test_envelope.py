"""Envelopes, judged by two readers that are not ours: both generations of the CloudEvents library."""

import json
import uuid
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.bindings.kafka import KafkaMessage
from cloudevents.v1.kafka import from_binary as old_from_binary
from cloudevents.v1.kafka import from_structured as old_from_structured
from hypothesis import given
from hypothesis import strategies as st

from glimpse.bus import envelope
from glimpse.bus.envelope import Envelope
from glimpse.database.pool import Actor, uuid7
from glimpse.errors import Invalid
from schemas.events import ImageUpdated, UploadFailed

ID = uuid.UUID("01977d3c-5b1e-7c3a-9d2f-0123456789ab")
TOLD = Envelope(
    pos=42,
    id=ID,
    type="io.glimpse.image.upload.failed.v1",
    subject="3f1d6d0e",
    version=7,
    actor=Actor(user="u1", project="p1", request_id="req-1", service="api"),
    traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    data=json.dumps({"image": {"id": "3f1d6d0e", "name": "ü"}, "previous": {}, "reason": "it broke"}).encode(),
    occurred_at=datetime(2026, 11, 25, 2, 27, 59, 123456, UTC),
)
ATTRIBUTES = {
    "specversion": "1.0",
    "id": "01977d3c-5b1e-7c3a-9d2f-0123456789ab",
    "source": "//glimpse/here",
    "type": "io.glimpse.image.upload.failed.v1",
    "subject": "3f1d6d0e",
    "time": "2026-11-25T02:27:59.123456Z",
    "dataschema": "urn:glimpse:schema:io.glimpse.image.upload.failed.v1",
    "partitionkey": "3f1d6d0e",
    "sequence": "00000000000000000042",
    "imageversion": "7",
    "authtype": "user",
    "authid": "u1",
    "project": "p1",
    "service": "api",
    "requestid": "req-1",
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
}
MODES = [envelope.to_binary, envelope.to_structured]


def test_in_binary_mode_attributes_are_headers_and_the_value_is_what_was_told():
    message = envelope.to_binary(TOLD, "here")
    headers = {f"ce_{name}": value.encode() for name, value in ATTRIBUTES.items()}
    assert message.headers == {**headers, "content-type": b"application/json"}
    assert message.value == TOLD.data
    assert message.key == "3f1d6d0e"


def test_in_structured_mode_the_value_is_all_of_it():
    message = envelope.to_structured(TOLD, "here")
    assert message.headers == {"content-type": b"application/cloudevents+json"}
    assert json.loads(message.value) == {
        **ATTRIBUTES,
        "imageversion": 7,
        "datacontenttype": "application/json",
        "data": json.loads(TOLD.data),
    }
    assert message.key == "3f1d6d0e"


@pytest.mark.parametrize(
    ("write", "read"), [(envelope.to_binary, old_from_binary), (envelope.to_structured, old_from_structured)]
)
def test_another_reader_of_cloudevents_finds_the_same(write, read):
    found = read(write(TOLD, "here"))
    attributes = {name: str(value) for name, value in found.get_attributes().items()}
    assert attributes.items() >= ATTRIBUTES.items()
    assert found.get_data() == json.loads(TOLD.data)


@pytest.mark.parametrize("write", MODES)
def test_the_library_finds_the_same(write):
    found = kafka.from_kafka(write(TOLD, "here"), envelope.FORMAT)
    assert found.get_time() == TOLD.occurred_at
    assert found.get_data() == json.loads(TOLD.data)
    assert (found.get_id(), found.get_source(), found.get_subject()) == (str(ID), "//glimpse/here", "3f1d6d0e")


texts = st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20)


def as_json(told):
    return json.dumps(told).encode()


envelopes = st.builds(
    Envelope,
    pos=st.integers(1, 2**63 - 1),
    id=st.builds(uuid7, st.integers(0, 2**62)),
    type=st.just(TOLD.type),
    subject=texts,
    version=st.none() | st.integers(1, 2**31 - 1),
    actor=st.builds(
        Actor,
        user=st.none() | texts,
        project=st.none() | texts,
        request_id=st.none() | texts,
        service=st.none() | texts,
    ),
    traceparent=st.none() | st.just(TOLD.traceparent),
    data=st.dictionaries(texts, st.none() | texts | st.integers(-(2**53), 2**53)).map(
        lambda told: json.dumps(told).encode()
    ),
    occurred_at=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)


@pytest.mark.parametrize("write", MODES)
@given(told=envelopes)
def test_what_is_written_is_read_back_as_it_was(write, told):
    message = write(told, "here")
    assert message.value
    read = envelope.from_message(message)
    assert json.loads(read.data) == json.loads(told.data)
    assert replace(read, data=told.data) == told


def test_positions_sort_as_text():
    sequences = [
        envelope.to_binary(replace(TOLD, pos=pos), "here").headers["ce_sequence"] for pos in (9, 10, 2**63 - 1)
    ]
    assert sequences == sorted(sequences)
    assert len({len(sequence) for sequence in sequences}) == 1


@pytest.mark.parametrize(
    ("actor", "authtype", "authid"),
    [
        (Actor(user="u1"), b"user", b"u1"),
        (Actor(user="u1", service="importer"), b"user", b"u1"),
        (Actor(service="scrubber"), b"system", b"scrubber"),
        (Actor(service="api", request_id="req-1"), b"unauthenticated", None),
        (Actor(), b"unknown", None),
    ],
)
def test_it_says_who_did_it(actor, authtype, authid):
    headers = envelope.to_binary(replace(TOLD, actor=actor), "here").headers
    assert (headers.get("ce_authtype"), headers.get("ce_authid")) == (authtype, authid)


def test_what_is_unknown_is_left_out():
    told = replace(TOLD, version=None, actor=Actor(), traceparent=None)
    assert not {"ce_imageversion", "ce_authid", "ce_project", "ce_service", "ce_requestid", "ce_traceparent"} & set(
        envelope.to_binary(told, "here").headers
    )


BINARY = envelope.to_binary(TOLD, "here")


@pytest.mark.parametrize(
    "message",
    [
        KafkaMessage({}, None, b""),
        KafkaMessage({}, None, b"not json"),
        KafkaMessage({}, None, b"[]"),
        KafkaMessage({}, None, b'{"specversion": "1.0", "id": "1", "source": "/", "type": "t"}'),
        KafkaMessage(BINARY.headers, BINARY.key, b""),
        KafkaMessage(BINARY.headers, BINARY.key, b"[1]"),
        KafkaMessage({**BINARY.headers, "ce_sequence": b"x"}, BINARY.key, BINARY.value),
        KafkaMessage({**BINARY.headers, "ce_time": b"soon"}, BINARY.key, BINARY.value),
        KafkaMessage({**BINARY.headers, "ce_subject": b"\xff"}, BINARY.key, BINARY.value),
        KafkaMessage({**BINARY.headers, "ce_specversion": b"0.3"}, BINARY.key, BINARY.value),
        KafkaMessage({"ce_specversion": b"1.0"}, BINARY.key, BINARY.value),
    ],
)
def test_a_message_that_is_no_event_of_ours_is_invalid(message):
    with pytest.raises(Invalid, match="this is no event of ours"):
        envelope.from_message(message)


def test_data_is_read_as_what_it_was_told_as():
    event = envelope.to_event(TOLD, UploadFailed)
    assert event == UploadFailed(
        subject="3f1d6d0e", version=7, image={"id": "3f1d6d0e", "name": "ü"}, reason="it broke"
    )


def test_a_reader_ignores_what_a_newer_writer_added():
    data = json.dumps({"image": {"id": "x"}, "colour": "blue", "subject": "an intruder"}).encode()
    event = envelope.to_event(replace(TOLD, data=data), ImageUpdated)
    assert (event.subject, event.version) == ("3f1d6d0e", 7)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b'{"image": {}}', "reason: Field required"),
        (b'{"image": 1, "reason": "x"}', "image: Input should be a valid dictionary"),
        (b"[]", "its data is no JSON object"),
        (b"{", "its data is no JSON object"),
    ],
)
def test_data_that_can_not_be_read_is_invalid_and_says_why(data, reason):
    with pytest.raises(Invalid, match=f"io.glimpse.image.upload.failed.v1 can not be read: {reason}"):
        envelope.to_event(replace(TOLD, data=data), UploadFailed)
