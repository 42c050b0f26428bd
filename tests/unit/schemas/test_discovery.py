"""The schemas that clients are given; jsonschema is the judge of whether the service means the same."""

import jsonschema
import pytest

from schemas import discovery
from schemas.images import READ_ONLY, ImageFields
from schemas.vocabulary import CONTAINER_FORMATS, DISK_FORMATS

FIELDS = ImageFields(DISK_FORMATS, CONTAINER_FORMATS)
IMAGE = discovery.image(FIELDS)
PROPERTIES = IMAGE["properties"]
DOCUMENTS = {
    "image": IMAGE,
    "images": discovery.images(FIELDS),
    "member": discovery.member(),
    "members": discovery.members(),
    "task": discovery.task(),
    "tasks": discovery.tasks(),
}
AN_ID = "1bcdef11-2222-4333-8444-555555555555"
ID_PATTERN = "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"

NULL_OR_TEXT, NULL_OR_COUNT = ["null", "string"], ["null", "integer"]
READ_ONLY_TEXT = {"type": "string", "readOnly": True}
STATUSES = [
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "uploading",
    "importing",
    "pending_delete",
    "deactivated",
]
TABLE = [
    ("IMG-599", ["id"], {"type": "string", "pattern": ID_PATTERN}),
    ("IMG-600", ["name", "owner"], {"type": NULL_OR_TEXT, "maxLength": 255}),
    ("IMG-601", ["status"], READ_ONLY_TEXT | {"enum": STATUSES}),
    ("IMG-602", ["visibility"], {"type": "string", "enum": ["community", "public", "private", "shared"]}),
    ("IMG-603", ["protected", "os_hidden"], {"type": "boolean"}),
    ("IMG-604", ["checksum"], {"type": NULL_OR_TEXT, "readOnly": True, "maxLength": 32}),
    ("IMG-604", ["os_hash_algo"], {"type": NULL_OR_TEXT, "readOnly": True, "maxLength": 64}),
    ("IMG-604", ["os_hash_value"], {"type": NULL_OR_TEXT, "readOnly": True, "maxLength": 128}),
    ("IMG-605", ["size", "virtual_size"], {"type": NULL_OR_COUNT, "readOnly": True}),
    ("IMG-606", ["container_format"], {"type": NULL_OR_TEXT, "enum": [None, *CONTAINER_FORMATS]}),
    ("IMG-606", ["disk_format"], {"type": NULL_OR_TEXT, "enum": [None, *DISK_FORMATS]}),
    ("IMG-607", ["created_at", "updated_at", "direct_url", "self", "file", "schema", "stores"], READ_ONLY_TEXT),
    ("IMG-608", ["min_ram", "min_disk"], {"type": "integer"}),
    ("IMG-609", ["tags"], {"type": "array", "items": {"type": "string", "maxLength": 255}}),
]


@pytest.mark.parametrize(("names", "schema"), [row[1:] for row in TABLE], ids=[row[1][0] for row in TABLE])
def test_the_fields_of_every_image_are_what_clients_have_always_been_told(names, schema):
    for name in names:
        described = dict(PROPERTIES[name])
        assert described.pop("description")
        assert described == schema


@pytest.mark.rule("IMG-610")
def test_a_location_is_a_url_with_metadata_and_perhaps_what_its_bytes_hash_to():
    described = PROPERTIES["locations"]
    good = {"url": "http://x.test/a", "metadata": {}}
    hashed = {"os_hash_algo": "sha512", "os_hash_value": "00"}
    for location in (good, good | {"validation_data": hashed}, good | {"other": 1}):
        jsonschema.validate([location], described)
    for location in (
        {"url": "http://x.test/a"},
        {"metadata": {}},
        good | {"url": "x" * 256},
        good | {"metadata": []},
        good | {"validation_data": {}},
        good | {"validation_data": hashed | {"checksum": "0" * 31}},
        good | {"validation_data": hashed | {"other": 1}},
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate([location], described)
    assert described["items"]["properties"]["validation_data"]["writeOnly"] is True


@pytest.mark.rule("IMG-185")
def test_what_is_defined_beside_them_is_said_to_be_no_field_of_every_image():
    defined = {name for name, schema in PROPERTIES.items() if schema.get("is_base") is False}
    assert defined == FIELDS.defined.keys()
    assert not defined & {name for row in TABLE for name in row[1]}
    assert PROPERTIES["kernel_id"]["type"] == ["null", "string"]


@pytest.mark.rule("IMG-30")
def test_a_definition_of_the_operators_is_shown_as_it_is():
    fields = ImageFields(("raw",), ("bare",), defined={"colour": {"type": "string", "enum": ["red"], "title": "x"}})
    described = discovery.image(fields)["properties"]
    assert described["colour"] == {"type": "string", "enum": ["red"], "title": "x", "is_base": False}
    assert "kernel_id" not in described
    assert described["disk_format"]["enum"] == [None, "raw"]


def test_each_document_has_the_shape_of_its_kind():
    assert IMAGE["additionalProperties"] == {"type": "string"}  # IMG-592
    assert IMAGE["links"] == [
        {"rel": "self", "href": "{self}"},
        {"rel": "enclosure", "href": "{file}"},
        {"rel": "describedby", "href": "{schema}"},
    ]
    assert IMAGE.keys() == {"name", "properties", "additionalProperties", "links"}
    images = DOCUMENTS["images"]  # IMG-593
    assert images["properties"]["images"] == {"type": "array", "items": IMAGE}
    assert {name: images["properties"][name]["type"] for name in ("first", "next", "schema")} == dict.fromkeys(
        ("first", "next", "schema"), "string"
    )
    assert [(link["rel"], link["href"]) for link in images["links"]] == [
        ("first", "{first}"),
        ("next", "{next}"),
        ("describedby", "{schema}"),
    ]
    assert DOCUMENTS["member"].keys() == {"name", "properties"}  # IMG-594
    assert DOCUMENTS["task"].keys() == {"name", "properties"}  # IMG-596
    for many, one in (("members", "member"), ("tasks", "task")):
        document = DOCUMENTS[many]  # IMG-595, IMG-597
        assert document["properties"].keys() == {many, "schema"}
        assert document["properties"][many]["items"]["name"] == one
        assert document["links"] == [{"rel": "describedby", "href": "{schema}"}]
    assert DOCUMENTS["members"]["properties"]["members"]["items"] == DOCUMENTS["member"]
    stub = DOCUMENTS["tasks"]["properties"]["tasks"]["items"]["properties"]  # IMG-597
    assert DOCUMENTS["task"]["properties"].keys() - stub.keys() == {"input", "result", "message"}


def test_members_and_tasks_have_the_types_that_clients_know():  # section 26
    member = DOCUMENTS["member"]["properties"]
    assert member["status"]["enum"] == ["pending", "accepted", "rejected"]
    assert member["image_id"]["pattern"] == ID_PATTERN
    assert member.keys() == {"member_id", "image_id", "created_at", "updated_at", "status", "schema"}
    task = DOCUMENTS["task"]["properties"]
    assert task["type"]["enum"] == ["import", "api_image_import", "location_import"]
    assert task["status"]["enum"] == ["pending", "processing", "success", "failure"]
    assert {name for name, schema in task.items() if schema.get("readOnly")} == {"self", "schema"}
    assert task["expires_at"]["type"] == ["null", "string"]
    assert task["input"]["type"] == task["result"]["type"] == ["null", "object"]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_each_document_is_json_schema(name):
    jsonschema.Draft4Validator.check_schema(DOCUMENTS[name])
    assert DOCUMENTS[name]["name"] == name


SAMPLES = [None, True, 0, 1, 1.0, 1.5, "", "a", "x" * 255, "x" * 256, "a" * 128, [], ["a"], [5], ["x" * 256], {}, AN_ID]
SAMPLES += ["raw", "bare", "private", "secret", "on_image_deletion", "killed", "f" * 32, "f" * 33, "f" * 64, "f" * 65]
JUDGED = sorted(name for name in PROPERTIES if name not in ("direct_url", "self", "file", "schema", "stores"))


@pytest.mark.parametrize("name", JUDGED)
def test_the_service_takes_what_its_schema_allows_and_nothing_else(name):
    judge = jsonschema.Draft4Validator(PROPERTIES[name])
    for sample in SAMPLES:
        try:
            FIELDS.checked(name, sample)
        except ValueError:
            taken = False
        else:
            taken = True
        whole = isinstance(sample, float) and sample.is_integer()
        if whole and name in ("min_ram", "min_disk", "size", "virtual_size"):
            continue  # drafts of JSON Schema differ; IMG-162 has the answer
        assert taken is judge.is_valid(sample), sample


def test_what_clients_are_told_not_to_set_is_refused():
    told = {name for name, schema in PROPERTIES.items() if schema.get("readOnly")}
    assert told == READ_ONLY - {"id"}
