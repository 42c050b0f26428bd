"""The schemas that are served, and every answer held against them."""

import jsonschema
import pytest

NAMESPACES = "/v2/metadefs/namespaces"
NAMESPACE = f"{NAMESPACES}/OS::Test"

KINDS = [
    # kind, name, what is required
    ("MD-91", "namespace", "namespace", ["namespace"]),
    ("MD-91", "resource_type", "resource_type_association", ["name"]),
    ("MD-91", "property", "property", ["type", "title", "name"]),
    ("MD-91", "object", "object", ["name"]),
    ("MD-91", "tag", "tag", ["name"]),
    ("MD-93", "namespaces", "namespaces", None),
    ("MD-93", "resource_types", "resource_type_associations", None),
    ("MD-93", "properties", "properties", None),
    ("MD-93", "objects", "objects", None),
    ("MD-93", "tags", "tags", None),
]


async def schema(person, kind):
    answer = await person.get(f"/v2/schemas/metadefs/{kind}")
    assert answer.status == 200
    return answer.json


@pytest.mark.rule("MD-90", "MD-91", "MD-92", "MD-93", "MD-95")
async def test_there_is_a_schema_of_every_kind_and_everybody_may_read_it(api):
    anybody = api.person(None, roles="")
    for _rule, kind, name, required in KINDS:
        document = await schema(anybody, kind)
        assert document["name"] == name
        jsonschema.validators.validator_for(document).check_schema(document)
        if required is None:
            assert {each["rel"]: each["href"] for each in document["links"]} == {
                "first": "{first}",
                "next": "{next}",
                "describedby": "{schema}",
            }
            assert document["properties"].keys() == {name, "first", "next", "schema"}
            entries = document["properties"][name]
            single = entries["additionalProperties" if kind == "properties" else "items"]
            assert "definitions" not in single
        else:
            assert (document["required"], document["additionalProperties"]) == (required, False)
    read_only = {
        name for name, each in (await schema(anybody, "namespace"))["properties"].items() if "readOnly" in each
    }
    assert read_only == {"self", "schema", "created_at", "updated_at"}
    for kind, defined in (
        ("namespace", {"positiveInteger", "positiveIntegerDefault0", "stringArray", "property"}),
        ("object", {"positiveInteger", "positiveIntegerDefault0", "stringArray", "property"}),
        ("property", {"positiveInteger", "positiveIntegerDefault0", "stringArray"}),
        ("objects", {"positiveInteger", "positiveIntegerDefault0", "stringArray", "property"}),
        ("tag", set()),
        ("resource_type", set()),
    ):
        assert (await schema(anybody, kind)).get("definitions", {}).keys() == defined
    assert (await schema(anybody, "property"))["definitions"]["stringArray"]["minItems"] == 1
    assert (await schema(anybody, "properties"))["properties"]["properties"]["additionalProperties"]["required"] == [
        "type",
        "title",
    ]


SHOWN = [
    # method, path, body, the kind of its answer
    ("POST", f"{NAMESPACE}/objects", {"name": "o"}, "object"),
    ("PUT", f"{NAMESPACE}/objects/o", {"name": "o", "required": ["a"]}, "object"),
    ("GET", f"{NAMESPACE}/objects/o", None, "object"),
    ("GET", f"{NAMESPACE}/objects", None, "objects"),
    ("POST", f"{NAMESPACE}/properties", {"name": "p", "title": "P", "type": "string", "default": None}, "property"),
    ("PUT", f"{NAMESPACE}/properties/p", {"name": "p", "title": "P", "type": "array", "minItems": 1.0}, "property"),
    ("GET", f"{NAMESPACE}/properties/p", None, "property"),
    ("GET", f"{NAMESPACE}/properties", None, "properties"),
    ("POST", f"{NAMESPACE}/tags/t", None, "tag"),
    ("PUT", f"{NAMESPACE}/tags/t", {"name": "u"}, "tag"),
    ("GET", f"{NAMESPACE}/tags/u", None, "tag"),
    ("GET", f"{NAMESPACE}/tags", None, "tags"),
    ("POST", f"{NAMESPACE}/resource_types", {"name": "T"}, "resource_type"),
    ("GET", f"{NAMESPACE}/resource_types", None, "resource_types"),
    ("GET", NAMESPACE, None, "namespace"),
    ("GET", f"{NAMESPACE}?resource_type=OS::Glance::Image", None, "namespace"),
    ("GET", NAMESPACES, None, "namespaces"),
    ("PUT", NAMESPACE, {"namespace": "OS::Other"}, "namespace"),
]


@pytest.mark.rule("MD-90", "MD-94", "MD-6")
async def test_every_answer_is_as_the_schema_says(admin, full):
    jsonschema.validate(await full(), await schema(admin, "namespace"))
    for method, path, body, kind in SHOWN:
        answer = await admin.ask(method, path, body)
        assert answer.status in (200, 201), (path, answer.content)
        jsonschema.validate(answer.json, await schema(admin, kind))
        assert b": null" not in answer.content.replace(b'"default":null', b"")
