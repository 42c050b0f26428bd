"""Bodies about metadata definitions: what is taken fits the schema that is served, and can be kept."""

import jsonschema
import orjson
import pytest
from hypothesis import given

from schemas import metadefs
from schemas.metadef_discovery import DOCUMENTS
from tests.fixtures.definitions import definitions, files

VALUES = [None, True, False, 0, 1, -1, 1.0, 1.5, 1e300, 2**63, 10**30, "", "string", "public", "x" * 81, "x" * 501]
VALUES += ["\ud7ff", "\U0001f4be", [], ["a"], ["a", "a"], [1], [None], [{}], [{"name": "a"}], [{"name": 5}], {}]
VALUES += [{"a": 1}, {"a": {}}, {"a": {"title": "t", "type": "string"}}, {"a": {"title": "t", "type": "null"}}]
VALUES += [{"type": "string"}, {"type": "string", "enum": [1]}, {"type": "string", "x": 1}]
SERVED = {
    "namespace": metadefs.NAMESPACE,
    "object": metadefs.OBJECT,
    "property": metadefs.PROPERTY,
    "resource_type": metadefs.ASSOCIATION,
    "tag": metadefs.TAG,
}
VALIDATORS = {kind: jsonschema.Draft202012Validator(DOCUMENTS[kind]) for kind in SERVED}


def taken(form, value):
    try:
        return form.checked(value)
    except ValueError:
        return None


@pytest.mark.rule("MD-90", "MD-60")
@pytest.mark.parametrize("kind", SERVED)
def test_what_is_taken_fits_the_schema_that_is_served_and_can_be_written_down(kind):
    fine = {"namespace": "n"} if kind == "namespace" else {"name": "n"}
    fine |= {"title": "t", "type": "string"} if kind == "property" else {}
    assert taken(SERVED[kind], fine) == fine
    for name in (*DOCUMENTS[kind]["properties"], "unknown"):
        for value in VALUES:
            body = {**fine, name: value}
            kept = taken(SERVED[kind], body)
            if kept is not None:
                assert VALIDATORS[kind].is_valid(body), body
                assert VALIDATORS[kind].is_valid(kept), body
                assert orjson.loads(orjson.dumps(kept)) == kept, body
                assert taken(SERVED[kind], kept) == kept, body


@pytest.mark.rule("MD-60", "MD-64")
@given(definitions)
def test_every_definition_there_can_be_is_taken_and_kept_as_it_will_be_shown(definition):
    kept = metadefs.PROPERTY.checked({**definition, "name": "p"})
    assert kept.keys() == definition.keys() | {"name"}
    assert VALIDATORS["property"].is_valid(kept)
    assert metadefs.PROPERTY.checked(kept) == kept


@given(files)
def test_every_file_there_can_be_is_taken(file):
    assert metadefs.FILE.checked(file)["namespace"] == file["namespace"]


WIDE = [
    # body, the field that is named
    ("MD-85", {"name": "\U0001f4be"}, "name"),
    ("MD-85", {"\U0001f4be": 1}, "\U0001f4be"),
    ("MD-85", {"a": {"b": {"title": "x\U0001f4be"}}}, "title"),
    ("MD-85", {"a": ["\U0001f4be"], "\U0001f4be": {"b": "c"}, "c": {"\U0001f4be": []}}, None),
    ("MD-85", {"a": "ü\uffff", "b": 5, "c": None}, None),
]


@pytest.mark.parametrize(("rule", "body", "field"), WIDE)
def test_characters_of_four_bytes_are_found_in_fields_with_one_value(rule, body, field):
    assert metadefs.field_too_wide(body) == field


@pytest.mark.parametrize(
    ("value", "found"),
    [("a", False), ("\0", True), ({"a\0": 1}, True), ([{"b": ["\0"]}], True), ([1, None, {"a": "b"}], False)],
)
def test_a_nul_is_found_anywhere(value, found):
    assert metadefs.has_nul(value) is found
