"""The examples of events: each is what its schema says, and is read as what it was told as."""

import json
from pathlib import Path

import jsonschema
import orjson
import pytest

from glimpse.bus import envelope
from schemas.events import every_event

SCHEMAS = Path(__file__).parents[3] / "schemas"
EXAMPLES = sorted((SCHEMAS / "examples").glob("*/*.json"))
KINDS = {kind.type(): kind for kind in every_event()}


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_is_read_as_what_it_was_told_as(example):
    document = json.loads(example.read_text())
    assert document["type"] == example.parent.name
    read = envelope.from_structured(example.read_bytes())
    event = envelope.to_event(read, KINDS[document["type"]])
    assert (event.subject, event.version) == (document["subject"], document.get("imageversion"))
    assert json.loads(orjson.dumps(event.model_dump())) == document["data"]  # as `tx.emit` writes it
    assert json.loads(envelope.to_structured(read, "local").value) == document


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_is_what_its_schema_says(example):
    document = json.loads(example.read_text())
    schema = json.loads((SCHEMAS / "json" / f"{example.parent.name}.json").read_text())
    assert schema["$id"] == document["dataschema"]
    jsonschema.validate(document["data"], schema)


def test_every_type_has_an_example():
    assert {example.parent.name for example in EXAMPLES} == set(KINDS), "put one into schemas/examples/<type>"


def test_no_two_facts_have_the_same_type():
    assert len(KINDS) == len(every_event())
