"""What clients can learn about metadata definitions: JSON Schemas of what they send and see (MD-90 to MD-94).

Clients build their models from these and hold every answer against them; a test holds ours.
"""

from collections.abc import Mapping
from typing import Any

from schemas.metadefs import LONGEST_DESCRIPTION, LONGEST_NAME, LONGEST_OWNER, TYPES, VISIBILITIES

Schema = dict[str, Any]

PROPERTY_MAP = {"$ref": "#/definitions/property"}
NAMES = {"$ref": "#/definitions/stringArray"}
COUNT = {"$ref": "#/definitions/positiveInteger"}
COUNT_OR_NONE = {"$ref": "#/definitions/positiveIntegerDefault0"}


def _name(description: str) -> Schema:
    return {"type": "string", "maxLength": LONGEST_NAME, "description": description}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _flag(description: str, **more: Any) -> Schema:
    return {"type": "boolean", "description": description, **more}


def _type(description: str) -> Schema:
    return _text(description, enum=[*TYPES, None])


TIMES: Schema = {
    "created_at": _text("When it was made.", format="date-time", readOnly=True),
    "updated_at": _text("When it was changed last.", format="date-time", readOnly=True),
}
LINKS: Schema = {
    "self": _text("Where it is.", readOnly=True),
    "schema": _text("Where its schema is.", readOnly=True),
}

DEFINITION: Schema = {
    "name": _name("What the property is called."),
    "title": _text("What people read instead of its name."),
    "description": _text("What it is for."),
    "operators": {"type": "array", "items": {"type": "string"}, "description": "How values may be compared."},
    "type": _type("What its values are."),
    "required": NAMES,
    "minimum": {"type": "number", "description": "The smallest number."},
    "maximum": {"type": "number", "description": "The largest number."},
    "maxLength": COUNT,
    "minLength": COUNT_OR_NONE,
    "pattern": _text("What every text matches.", format="regex"),
    "enum": {"type": "array", "description": "Every value there is."},
    "readonly": _flag("Whether it is only to be read."),
    "default": {},
    "items": {
        "type": "object",
        "description": "What the entries of a list are.",
        "properties": {"type": _type("What each entry is."), "enum": {"type": "array"}},
    },
    "maxItems": COUNT,
    "minItems": COUNT_OR_NONE,
    "uniqueItems": _flag("Whether no entry is there twice.", default=False),
    "additionalItems": _flag("Whether there may be more entries than are described."),
}
"""The keys of MD-60."""

ASSOCIATION: Schema = {
    "name": _name("The type of resource: OS::Glance::Image, OS::Nova::Flavor ..."),
    "prefix": _name("What stands before the names of properties on such a resource, its separator included."),
    "properties_target": _name("Where on such a resource the properties are, where it has more than one place."),
}

COUNTS: Schema = {
    "positiveInteger": {"type": "integer", "minimum": 0},
    "positiveIntegerDefault0": {"allOf": [{"$ref": "#/definitions/positiveInteger"}, {"default": 0}]},
}
STRINGS: Schema = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}

WITH_PROPERTIES: Schema = {
    **COUNTS,
    "stringArray": STRINGS,
    "property": {
        "type": "object",
        "additionalProperties": {"type": "object", "required": ["title", "type"], "properties": DEFINITION},
    },
}
"""Definitions of what has maps of properties in it (MD-92)."""

OBJECT: Schema = {
    "name": _name("What the object is called."),
    "description": _text("What it is for."),
    "required": NAMES,
    "properties": PROPERTY_MAP,
}

NAMESPACE: Schema = {
    "namespace": _name("What it is called: unique among all projects."),
    "display_name": _name("What people read instead of its name."),
    "description": _text("What it is for.", maxLength=LONGEST_DESCRIPTION),
    "visibility": _text("Who sees it: everybody, or its project alone.", enum=list(VISIBILITIES)),
    "protected": _flag("Whether it, and what is in it, can not be deleted."),
    "owner": _text("The project it belongs to.", maxLength=LONGEST_OWNER),
    **TIMES,
    **LINKS,
    "resource_type_associations": {"type": "array", "items": {"type": "object", "properties": ASSOCIATION | TIMES}},
    "properties": PROPERTY_MAP,
    "objects": {"type": "array", "items": {"type": "object", "properties": OBJECT}},
    "tags": {"type": "array", "items": {"type": "object", "properties": {"name": _name("The word.")}}},
}


def _single(name: str, properties: Schema, required: list[str], definitions: Schema | None = None) -> Schema:
    schema = {"name": name, "properties": properties, "required": required, "additionalProperties": False}
    return {**schema, "definitions": definitions} if definitions else schema


def _collection(name: str, single: Schema, entries: Schema) -> Schema:
    links = {"first": "{first}", "next": "{next}", "describedby": "{schema}"}
    schema: Schema = {
        "name": name,
        "properties": {name: entries} | {each: {"type": "string"} for each in ("first", "next", "schema")},
        "links": [{"rel": rel, "href": href} for rel, href in links.items()],
    }
    return {**schema, "definitions": single["definitions"]} if "definitions" in single else schema


def _list_of(name: str, single: Schema) -> Schema:
    return _collection(name, single, {"type": "array", "items": _without_definitions(single)})


def _without_definitions(single: Schema) -> Schema:
    return {name: value for name, value in single.items() if name != "definitions"}


_namespace = _single("namespace", NAMESPACE, ["namespace"], WITH_PROPERTIES)
_association = _single("resource_type_association", ASSOCIATION | TIMES, ["name"])
_property = _single(
    "property", DEFINITION, ["type", "title", "name"], {**COUNTS, "stringArray": {**STRINGS, "minItems": 1}}
)
_object = _single("object", OBJECT | LINKS | TIMES, ["name"], WITH_PROPERTIES)
_tag = _single("tag", {"name": _name("The word."), **TIMES}, ["name"])
_in_a_map = {**_without_definitions(_property), "required": ["type", "title"]}

DOCUMENTS: Mapping[str, Schema] = {
    "namespace": _namespace,
    "namespaces": _list_of("namespaces", _namespace),
    "resource_type": _association,
    "resource_types": _list_of("resource_type_associations", _association),
    "property": _property,
    "properties": _collection("properties", _property, {"type": "object", "additionalProperties": _in_a_map}),
    "object": _object,
    "objects": _list_of("objects", _object),
    "tag": _tag,
    "tags": _list_of("tags", _tag),
}
"""What stands at /v2/schemas/metadefs/{kind} (MD-90)."""
