"""The schemas that the description refers to: of bodies as `schemas` reads them, of answers as clients see them."""

from collections.abc import Iterable, Mapping
from typing import Any

from schemas import discovery, metadef_discovery, metadefs
from schemas.images import LONGEST, NEVER_CREATED, READ_ONLY_AT_CREATE, ImageFields
from schemas.metadefs import Form
from schemas.vocabulary import ImportMethod, MemberStatus, TaskType
from services.api.location_bodies import ALGORITHMS
from services.api.patches import OPERATIONS

Schema = dict[str, Any]

COMPONENTS = "#/components/schemas/"
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
ANYTHING: Schema = {}
ANY_OBJECT: Schema = {"type": "object"}

NOT_OPENAPI = ("name", "links")
"""What clients of the schemas that are served know, and nobody else."""

OF_THE_DELETED: Mapping[str, Schema] = {
    "deleted_at": TEXT_OR_NULL,
    "restorable": FLAG,
    "restorable_until": TEXT_OR_NULL,
    "restore_requested_at": TEXT_OR_NULL,
}

FORMS: Mapping[str, Form[Any]] = {
    "MetadefNamespaceBody": metadefs.NAMESPACE,
    "MetadefObjectBody": metadefs.OBJECT,
    "MetadefPropertyBody": metadefs.PROPERTY,
    "MetadefAssociationBody": metadefs.ASSOCIATION,
    "MetadefTagBody": metadefs.TAG,
    "MetadefTagsBody": metadefs.TAGS,
}


def ref(name: str) -> Schema:
    """Refer to a schema by its name."""
    return {"$ref": f"{COMPONENTS}{name}"}


def list_of(name: str, key: str, **more: Schema) -> Schema:
    """Describe an object with a list in it."""
    return obj({key: {"type": "array", "items": ref(name)}, **more}, required=[key])


def obj(properties: Mapping[str, Schema], required: Iterable[str] = (), **more: Any) -> Schema:
    """Describe an object."""
    return {"type": "object", "properties": dict(properties), "required": list(required), **more}


def schemas(fields: ImageFields) -> dict[str, Schema]:
    """Return every schema by its name, in a deployment whose images have these fields."""
    return dict(
        sorted(
            {
                "Error": obj({"message": TEXT, "code": TEXT, "title": TEXT}, ("message", "code", "title")),
                **_about_images(fields),
                **_about_bytes(),
                **_about_members(),
                **_about_work(),
                **_about_the_service(),
                **_about_definitions(),
            }.items()
        )
    )


def _about_images(fields: ImageFields) -> dict[str, Schema]:
    shown = _plain(discovery.image(fields))
    sent = {
        name: schema
        for name, schema in shown["properties"].items()
        if name not in NEVER_CREATED | READ_ONLY_AT_CREATE | {"locations", "os_hash_algo", "os_hash_value"}
    }
    for name in fields.defined:
        shown["properties"][name] = _or_empty(shown["properties"][name])
    paging = {"first": TEXT, "next": TEXT, "schema": TEXT}
    return {
        "Image": {**shown, "type": "object", "required": ["id", "status", "visibility", "tags"]},
        "ImageBody": obj(sent, additionalProperties=TEXT),
        "Images": list_of("Image", "images", **paging),
        "DeletedImage": {
            **shown,
            "type": "object",
            "properties": {**shown["properties"], **OF_THE_DELETED},
            "required": ["id", "status", *OF_THE_DELETED],
        },
        "DeletedImages": list_of("DeletedImage", "images", first=TEXT, next=TEXT),
        "Patch": {
            "type": "array",
            "items": obj({"op": {"enum": list(OPERATIONS)}, "path": TEXT, "value": ANYTHING}, ("op", "path")),
        },
        "OldPatch": {
            "type": "array",
            "items": {"oneOf": [obj({op: TEXT, "value": ANYTHING}, (op,)) for op in OPERATIONS]},
        },
    }


def _about_bytes() -> dict[str, Schema]:
    return {
        "ImportBody": obj(
            {
                "method": obj(
                    {
                        "name": {"enum": list(ImportMethod)},
                        "uri": TEXT,
                        "mirrors": {"type": "array", "items": TEXT},
                        "digest": {**TEXT, "pattern": "^[a-z0-9_-]+:[0-9a-fA-F]+$"},
                        "glance_region": TEXT,
                        "glance_image_id": TEXT,
                        "glance_service_interface": TEXT,
                    },
                    ("name",),
                ),
                "stores": {"type": "array", "items": TEXT, "minItems": 1},
                "all_stores": FLAG,
                "all_stores_must_succeed": FLAG,
            },
            ("method",),
        ),
        "NewLocation": obj(
            {
                "url": TEXT,
                "validation_data": obj(
                    {"os_hash_algo": {"enum": list(ALGORITHMS)}, "os_hash_value": TEXT}, additionalProperties=False
                ),
            },
            ("url",),
        ),
        "Locations": {"type": "array", "items": obj({"url": TEXT, "metadata": ANY_OBJECT}, ("url", "metadata"))},
    }


def _about_members() -> dict[str, Schema]:
    member = _plain(discovery.member())
    return {
        "Member": {**member, "type": "object", "required": ["member_id", "image_id", "status"]},
        "Members": list_of("Member", "members", schema=TEXT),
        "NewMember": obj({"member": {**TEXT, "minLength": 1, "maxLength": LONGEST}}, ("member",)),
        "MemberAnswer": obj({"status": {"enum": list(MemberStatus)}}, ("status",)),
    }


def _about_work() -> dict[str, Schema]:
    task = _plain(discovery.task())
    return {
        "Task": {**task, "type": "object", "required": ["id", "type", "status"]},
        "Tasks": list_of("Task", "tasks", first=TEXT, next=TEXT, schema=TEXT),
        "TaskBody": obj(
            {"type": {"enum": list(TaskType)}, "input": {"type": ["object", "null"]}},
            ("type", "input"),
            additionalProperties=False,
        ),
        "ImageTask": obj(
            {
                **dict.fromkeys(("id", "type", "status", "created_at", "updated_at", "message"), TEXT),
                **dict.fromkeys(("owner", "expires_at", "image_id", "request_id", "user_id"), TEXT_OR_NULL),
                "deleted": FLAG,
                "deleted_at": {"type": "null"},
                "input": {"type": ["object", "null"]},
                "result": {"type": ["object", "null"]},
                "progress": {"type": ["object", "null"]},
                "error": {"type": ["object", "null"]},
            },
            ("id", "type", "status"),
        ),
        "ImageTasks": list_of("ImageTask", "tasks"),
    }


def _about_the_service() -> dict[str, Schema]:
    store = dict.fromkeys(("id", "description", "read-only", "default"), TEXT)
    link = obj({"rel": TEXT, "href": TEXT}, ("rel", "href"))
    version = obj({"id": TEXT, "status": TEXT, "links": {"type": "array", "items": link}}, ("id", "status", "links"))
    return {
        "Versions": obj({"versions": {"type": "array", "items": version}}, ("versions",)),
        "Schema": {"type": "object", "description": "A JSON Schema, as OpenStack's clients read it."},
        "Store": obj(store, ("id",)),
        "Stores": list_of("Store", "stores"),
        "StoreInDetail": obj({**store, "type": TEXT, "weight": {"type": "integer"}, "properties": ANY_OBJECT}, ("id",)),
        "StoresInDetail": list_of("StoreInDetail", "stores"),
        "ImportMethods": obj({"import-methods": ANY_OBJECT}, ("import-methods",)),
        "Usage": obj({"usage": ANY_OBJECT}, ("usage",)),
        "Alive": obj({"status": {"const": "ok"}}, ("status",)),
        "Readiness": obj({"status": {"enum": ["ok", "unavailable"]}, "problems": ANY_OBJECT}, ("status", "problems")),
        "Health": obj({"detailed": FLAG, "reasons": {"type": "array", "items": TEXT}}, ("reasons",)),
    }


def _about_definitions() -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    for name, form in FORMS.items():
        schema = form.adapter.json_schema(ref_template=f"{COMPONENTS}Metadef{{model}}Body")
        inner = schema.pop("$defs", {})
        found |= {
            f"Metadef{key}Body": _bounded(each) for key, each in inner.items() if f"Metadef{key}Body" not in FORMS
        }
        found[name] = _bounded(schema)
    for kind, document in metadef_discovery.DOCUMENTS.items():
        name = f"Metadef{''.join(part.title() for part in kind.split('_'))}"
        definitions = document.get("definitions", {})
        found[name] = {**_hoisted(name, _plain(document)), "type": "object"}
        found |= {f"{name}.{key}": _hoisted(name, each) for key, each in definitions.items()}
    times = metadef_discovery.TIMES
    found["MetadefResourceTypeList"] = obj(
        {"resource_types": {"type": "array", "items": obj({"name": TEXT, **times}, ("name",))}}, ("resource_types",)
    )
    return found


def _plain(document: Mapping[str, Any]) -> Schema:
    """Return a schema without what only clients of the schemas know."""
    kept = {name: value for name, value in document.items() if name not in (*NOT_OPENAPI, "definitions")}
    kept["properties"] = {
        name: {key: value for key, value in each.items() if key != "is_base"}
        for name, each in document["properties"].items()
    }
    return kept


def _or_empty(schema: Schema) -> Schema:
    """Return what is seen of a custom property that may be null, which is shown as an empty text (IMG-186)."""
    is_nullable = "null" in schema["type"] and "pattern" in schema
    return {**schema, "pattern": f"^$|{schema['pattern']}"} if is_nullable else schema


def _hoisted(name: str, schema: Any) -> Any:
    """Return a schema whose own definitions stand beside it, under its name."""
    if isinstance(schema, dict):
        return {
            key: each.replace("#/definitions/", f"{COMPONENTS}{name}.") if key == "$ref" else _hoisted(name, each)
            for key, each in schema.items()
        }
    return [_hoisted(name, each) for each in schema] if isinstance(schema, list) else schema


def _bounded(schema: Any) -> Any:
    """Return a schema as pydantic writes it, in the words of JSON Schema where it has none, and without its titles."""
    if isinstance(schema, dict):
        words = {"ge": "minimum", "le": "maximum"}
        return {
            words.get(key, key): _bounded(each)
            for key, each in schema.items()
            if not (key == "title" and isinstance(each, str))
        }
    return [_bounded(each) for each in schema] if isinstance(schema, list) else schema
