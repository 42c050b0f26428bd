"""What Kafka is given: as it was told, or abridged; and null for an image that is gone."""

import json
import uuid
from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse import settings
from glimpse.bus import envelope, records
from glimpse.bus.envelope import Envelope
from glimpse.bus.records import OVERHEAD, State
from glimpse.database.pool import Actor

BUS = settings.Bus(deployment="here")
AT = datetime(2026, 11, 25, 2, 27, 59, 123456, UTC)


def told(version=7, **data):
    return Envelope(
        pos=42,
        id=uuid.UUID("01977d3c-5b1e-7c3a-9d2f-0123456789ab"),
        type="io.glimpse.image.updated.v1",
        subject="i1",
        version=version,
        actor=Actor(service="api"),
        traceparent=None,
        data=orjson.dumps(data),
        occurred_at=AT,
    )


def test_what_fits_is_written_as_it_was_told():
    event = told(image={"id": "i1", "note": "x" * 1000})
    record = records.of_event(event, BUS, 10_000)
    assert (record.key, record.value) == (b"i1", event.data)
    assert "ce_abridged" not in dict(record.headers)


def test_what_is_too_large_loses_its_largest_parts_first_and_says_so():
    event = told(image={"id": "i1", "note": "x" * 5000, "tags": ["t"] * 2000}, previous={"note": "y" * 900}, reason="r")
    record = records.of_event(event, BUS, OVERHEAD + 2000)
    assert json.loads(record.value) == {"image": {"id": "i1"}, "previous": {"note": "y" * 900}, "reason": "r"}
    assert dict(record.headers)["ce_abridged"] == b"true"
    assert envelope.from_message(as_message(record)).is_abridged


def as_message(record):
    return envelope.KafkaMessage(dict(record.headers), record.key, record.value)


def test_members_go_only_when_nothing_in_them_is_left():
    event = told(image={"id": "i1"}, reason="r" * 5000, code="c")
    record = records.of_event(event, BUS, OVERHEAD + 100)
    assert json.loads(record.value) == {"image": {}, "code": "c"}


parts = st.dictionaries(
    st.text(max_size=5), st.text(max_size=300) | st.lists(st.integers(0, 2**53), max_size=50), max_size=8
)


@given(st.dictionaries(st.text(max_size=5), parts | st.text(max_size=300), max_size=5), st.integers(2, 1000))
def test_abridged_is_small_enough_and_still_an_object_with_nothing_new(data, limit):
    whole = orjson.dumps(data)
    found = records.abridged(whole, limit)
    assert len(found) <= max(limit, 2)
    for name, member in json.loads(found).items():
        if isinstance(member, dict):
            assert member.items() <= data[name].items() if member else True
        else:
            assert member == data[name]


def test_many_small_parts_are_left_out_at_once():
    whole = json.dumps({"image": {f"property {n}": "x" for n in range(200_000)}}).encode()
    assert len(records.abridged(whole, 1000)) <= 1000


@pytest.mark.parametrize("event", [told(member={"member_id": "p2"}), told(version=None, image={"id": "i1"})])
def test_what_changes_no_image_says_nothing_of_how_it_is(event):
    assert records.state_after(event) is None


def test_what_changes_an_image_says_how_it_is():
    assert records.state_after(told(image={"id": "i1"})) == State({"id": "i1"}, 7, 42, AT)


def test_an_image_is_written_with_its_version_and_since_when_it_is_so():
    record = records.of_state("i1", State({"id": "i1", "status": "active"}, 7, 42, AT), BUS, 10_000)
    assert json.loads(record.value) == {"image": {"id": "i1", "status": "active"}}
    assert record.key == b"i1"
    assert {name: value.decode() for name, value in record.headers} == {
        "ce_specversion": "1.0",
        "ce_id": "i1/7",
        "ce_source": "//glimpse/here",
        "ce_type": "io.glimpse.image.state.v1",
        "ce_subject": "i1",
        "ce_time": "2026-11-25T02:27:59.123456Z",
        "ce_dataschema": "urn:glimpse:schema:io.glimpse.image.state.v1",
        "ce_partitionkey": "i1",
        "ce_sequence": f"{42:020}",
        "ce_imageversion": "7",
        "content-type": "application/json",
    }


def test_an_image_that_is_gone_is_null():
    record = records.of_state("i1", State({"id": "i1", "status": "deleted"}, 7, 42, AT), BUS, 10_000)
    assert (record.key, record.value, record.headers) == (b"i1", None, [])


def test_an_image_that_is_too_large_is_abridged_too():
    image = {"id": "i1", "status": "active", "note": "x" * 5000}
    record = records.of_state("i1", State(image, 7, 42, AT), BUS, OVERHEAD + 100)
    assert json.loads(record.value) == {"image": {"id": "i1", "status": "active"}}
    assert dict(record.headers)["ce_abridged"] == b"true"
