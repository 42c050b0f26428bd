"""What each route takes and answers, on one page: a table beside that of the routes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.metadef_discovery import DOCUMENTS
from services.api import filters, metadef_filters, task_filters
from services.api.openapi.words import COUNT, FLAG, TEXT, Schema, ref
from services.api.patches import DIALECTS

JSON = "application/json"
OCTETS = "application/octet-stream"
BYTES: Schema = {}
"""Any bytes, as OpenAPI 3.1 has them."""

OLD, NEW = DIALECTS


@dataclass(frozen=True, slots=True)
class Parameter:
    """Something that a query string or a header field may say."""

    name: str
    schema: Schema
    text: str = ""
    place: str = "query"


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one route."""

    answers: Mapping[int, str | None]
    """Statuses that are no refusals, each with the schema of its JSON; None is without a body."""
    refusals: Sequence[int] = ()
    """Statuses that it is refused with, beside those of every route."""
    takes: Mapping[str, Schema] = field(default_factory=dict)
    """Bodies, by media type; of several kinds one is sent."""
    parameters: Sequence[Parameter] = ()
    gives: str = JSON
    """The media type of what is answered."""


def _takes(name: str) -> dict[str, Schema]:
    return {JSON: ref(name)}


def _texts(*names: str, text: str = "") -> list[Parameter]:
    return [Parameter(name, TEXT, text) for name in names]


LIMIT = Parameter("limit", COUNT, "How many at most.")
MARKER = Parameter("marker", TEXT, "What the page before ended with.")
STORE = Parameter("X-Image-Meta-Store", TEXT, "The store to keep it in.", "header")
DIRECTION: Schema = {"enum": list(filters.DIRECTIONS)}
VISIBLE = Parameter("visibility", TEXT, "Only those that are seen so.")

SENT_BYTES = (
    STORE,
    Parameter("x-openstack-image-size", COUNT, "How many bytes will come.", "header"),
    Parameter("Repr-Digest", TEXT, "What they hash to, as RFC 9530 has it.", "header"),
    Parameter("Content-Digest", TEXT, "Likewise.", "header"),
)

OF_IMAGES = (
    LIMIT,
    MARKER,
    Parameter("sort", TEXT, f"Keys with directions, `name:asc,size:desc`, of {', '.join(filters.SORT_KEYS)}."),
    Parameter("sort_key", {"type": "array", "items": {"enum": list(filters.SORT_KEYS)}}, "Not with `sort`."),
    Parameter("sort_dir", {"type": "array", "items": DIRECTION}, "One for all keys, or one for each."),
    VISIBLE,
    Parameter("member_status", TEXT, "Of images shared with us: what we said to it, or `all`."),
    Parameter("os_hidden", TEXT, "`true` lists those that are left out otherwise."),
    Parameter("protected", TEXT, "`true` or `false`."),
    Parameter("tag", {"type": "array", "items": TEXT}, "All of these."),
    *_texts(*sorted(filters.TEXTS), text="Equal to this, or one of `in:a,b`."),
    *_texts(*sorted(filters.PLAIN), text="Equal to this."),
    *_texts(*sorted(filters.TIMES), text="A time, with `gt:`, `gte:`, `lt:`, `lte:`, `eq:` or `neq:` before it."),
    *(Parameter(name, TEXT, "This many.") for name in sorted(filters.NUMBERS)),
    *(Parameter(name, {"type": "integer"}, "As the name says.") for name in sorted(filters.RANGES)),
)

OF_TASKS = (
    LIMIT,
    MARKER,
    Parameter("sort_key", {"enum": list(task_filters.SORT_KEYS)}),
    Parameter("sort_dir", DIRECTION),
    *_texts(*task_filters.TEXTS, *task_filters.TIMES, text="Equal to this."),
)

OF_NAMESPACES = (
    LIMIT,
    MARKER,
    Parameter("sort_key", {"enum": list(metadef_filters.NAMESPACE_SORT_KEYS)}),
    Parameter("sort_dir", DIRECTION),
    VISIBLE,
    Parameter("resource_types", TEXT, "Associated with one of these, between commas."),
)

OF_TAGS = (
    LIMIT,
    MARKER,
    Parameter("sort_key", {"enum": list(metadef_filters.TAG_SORT_KEYS)}),
    Parameter("sort_dir", DIRECTION),
)

FOR_RESOURCE = Parameter("resource_type", TEXT, "Call properties as they are called on such a resource.")

IMAGE = "/images/{image_id}"
NAMESPACE = "/metadefs/namespaces/{namespace}"

ARRIVING = (403, 404, 408, 409, 410, 413, 415)
"""How bytes are refused."""

GONE: Mapping[int, str | None] = {204: None}


def _shows(name: str, *refusals: int, **more: Any) -> Operation:
    return Operation({200: name}, refusals, **more)


def _described() -> dict[str, Operation]:
    kinds = ("image", "images", "member", "members", "task", "tasks", *(f"metadefs/{kind}" for kind in DOCUMENTS))
    return {f"GET /schemas/{kind}": _shows("Schema") for kind in kinds}


def _definitions(plural: str, single: str, name: str) -> dict[str, Operation]:
    """Objects and properties: made in a list, each shown, changed and deleted, all deleted at once."""
    body, each = _takes(f"Metadef{name}Body"), f"{NAMESPACE}/{plural}/{{{single}}}"
    return {
        f"POST {NAMESPACE}/{plural}": Operation({201: f"Metadef{name}"}, (403, 404, 408, 409, 413), body),
        f"DELETE {NAMESPACE}/{plural}": Operation(GONE, (403, 404)),
        f"PUT {each}": Operation({200: f"Metadef{name}"}, (403, 404, 408, 409, 413), body),
        f"DELETE {each}": Operation(GONE, (403, 404)),
    }


OPERATIONS: Mapping[str, Operation] = {
    "GET /images": _shows("Images", 403, parameters=OF_IMAGES),
    "POST /images": Operation({201: "Image"}, (403, 408, 409, 413), _takes("ImageBody")),
    "GET /images/deleted": _shows("DeletedImages", 404, parameters=(LIMIT, MARKER, *_texts("name", "owner", "status"))),
    f"GET {IMAGE}": _shows("Image", 403, 404),
    f"PATCH {IMAGE}": Operation(
        {200: "Image"}, (403, 404, 408, 409, 413, 415), {NEW: ref("Patch"), OLD: ref("OldPatch")}
    ),
    f"DELETE {IMAGE}": Operation(GONE, (403, 404, 409)),
    f"GET {IMAGE}/file": Operation(
        {200: "", 204: None, 206: ""},
        (403, 404, 416),
        parameters=(
            Parameter("prefer", TEXT, "Stores to read from first, between commas."),
            Parameter("Range", TEXT, "One range of bytes.", "header"),
        ),
        gives=OCTETS,
    ),
    f"PUT {IMAGE}/file": Operation(GONE, ARRIVING, {OCTETS: BYTES}, SENT_BYTES),
    f"PUT {IMAGE}/stage": Operation(GONE, ARRIVING, {OCTETS: BYTES}, SENT_BYTES),
    f"POST {IMAGE}/import": Operation({202: None}, (403, 404, 408, 409, 413), _takes("ImportBody"), (STORE,)),
    f"GET {IMAGE}/locations": _shows("Locations", 403, 404),
    f"POST {IMAGE}/locations": Operation({202: None}, (403, 404, 408, 409, 413), _takes("NewLocation")),
    f"GET {IMAGE}/tasks": _shows("ImageTasks", 403, 404),
    f"PUT {IMAGE}/tags/{{tag}}": Operation(GONE, (403, 404, 413)),
    f"DELETE {IMAGE}/tags/{{tag}}": Operation(GONE, (403, 404)),
    f"GET {IMAGE}/members": _shows("Members", 403, 404),
    f"POST {IMAGE}/members": Operation({200: "Member"}, (403, 404, 408, 409, 413), _takes("NewMember")),
    f"GET {IMAGE}/members/{{member}}": _shows("Member", 403, 404),
    f"PUT {IMAGE}/members/{{member}}": Operation({200: "Member"}, (403, 404, 408, 413), _takes("MemberAnswer")),
    f"DELETE {IMAGE}/members/{{member}}": Operation(GONE, (403, 404)),
    f"POST {IMAGE}/actions/deactivate": Operation(GONE, (403, 404)),
    f"POST {IMAGE}/actions/reactivate": Operation(GONE, (403, 404)),
    f"POST {IMAGE}/actions/restore": Operation({202: None}, (403, 404, 409)),
    "DELETE /stores/{store}/{image_id}": Operation(GONE, (403, 404, 409)),
    "GET /info/import": _shows("ImportMethods"),
    "GET /info/stores": _shows("Stores", 404),
    "GET /info/stores/detail": _shows("StoresInDetail", 403, 404),
    "GET /info/usage": _shows("Usage"),
    "GET /tasks": _shows("Tasks", 403, 404, parameters=OF_TASKS),
    "POST /tasks": Operation({201: "Task"}, (403, 404, 408, 413), _takes("TaskBody")),
    "GET /tasks/{task_id}": _shows("Task", 403, 404),
    "DELETE /tasks/{task_id}": Operation({}, (403, 404, 405)),
    **_described(),
    "GET /metadefs/resource_types": _shows("MetadefResourceTypeList", 403, 404),
    "GET /metadefs/namespaces": _shows("MetadefNamespaces", 403, 404, parameters=OF_NAMESPACES),
    "POST /metadefs/namespaces": Operation(
        {201: "MetadefNamespace"}, (403, 404, 408, 409, 413), _takes("MetadefNamespaceBody")
    ),
    f"GET {NAMESPACE}": _shows("MetadefNamespace", 403, 404, parameters=(FOR_RESOURCE,)),
    f"PUT {NAMESPACE}": Operation({200: "MetadefNamespace"}, (403, 404, 408, 409, 413), _takes("MetadefNamespaceBody")),
    f"DELETE {NAMESPACE}": Operation(GONE, (403, 404)),
    f"GET {NAMESPACE}/resource_types": _shows("MetadefResourceTypes", 403, 404),
    f"POST {NAMESPACE}/resource_types": Operation(
        {201: "MetadefResourceType"}, (403, 404, 408, 409, 413), _takes("MetadefAssociationBody")
    ),
    f"DELETE {NAMESPACE}/resource_types/{{resource_type}}": Operation(GONE, (403, 404)),
    f"GET {NAMESPACE}/objects": _shows("MetadefObjects", 403, 404),
    f"GET {NAMESPACE}/objects/{{object}}": _shows("MetadefObject", 403, 404),
    **_definitions("objects", "object", "Object"),
    f"GET {NAMESPACE}/properties": _shows("MetadefProperties", 403, 404),
    f"GET {NAMESPACE}/properties/{{property}}": _shows("MetadefProperty", 403, 404, parameters=(FOR_RESOURCE,)),
    **_definitions("properties", "property", "Property"),
    f"GET {NAMESPACE}/tags": _shows("MetadefTags", 403, 404, parameters=OF_TAGS),
    f"POST {NAMESPACE}/tags": Operation(
        {201: "MetadefTags"},
        (403, 404, 408, 409, 413),
        _takes("MetadefTagsBody"),
        (Parameter("X-Openstack-Append", FLAG, "Keep those there are.", "header"),),
    ),
    f"DELETE {NAMESPACE}/tags": Operation(GONE, (403, 404)),
    f"GET {NAMESPACE}/tags/{{tag}}": _shows("MetadefTag", 403, 404),
    f"POST {NAMESPACE}/tags/{{tag}}": Operation({201: "MetadefTag"}, (403, 404, 409)),
    f"PUT {NAMESPACE}/tags/{{tag}}": Operation(
        {200: "MetadefTag"}, (403, 404, 408, 409, 413), _takes("MetadefTagBody")
    ),
    f"DELETE {NAMESPACE}/tags/{{tag}}": Operation(GONE, (403, 404)),
}
"""By method and path below `/v2`. A test holds it against the routes: none is missing, and none too many."""
