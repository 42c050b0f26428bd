"""The two dialects of PATCH: what a list of changes says, and what each makes of an image (section 11)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from glimpse.errors import Conflict, Forbidden, Invalid
from glimpse.image import ImageRow
from schemas.images import LONGEST, READ_ONLY, ImageFields, is_reserved
from schemas.vocabulary import Status, Visibility
from services.api.errors import Refused
from services.api.policy.protections import Operation

DIALECTS = {
    "application/openstack-images-v2.0-json-patch": "2.0",
    "application/openstack-images-v2.1-json-patch": "2.1",
}
OPERATIONS = ("add", "replace", "remove")
FORMATS = frozenset({"container_format", "disk_format"})

May = Callable[[Operation, str], bool]
"""Whether something may be done to a property of a name."""


@dataclass(frozen=True, slots=True)
class Change:
    """One operation on one name; `place` is the second segment of a path into locations."""

    op: str
    name: str
    value: Any = None
    place: str | None = None
    is_strict: bool = False
    """An `add` of the older dialect: refuses to replace (IMG-336)."""


class Placing(Protocol):
    """Makes the changes to locations, each when its turn comes."""

    status: Status
    """What the image is by now: a location makes it active (IMG-362)."""

    def change(self, change: Change) -> None:
        """Make one."""
        ...


def dialect_of(content_type: str | None) -> str:
    """Return the dialect of a media type. Raises Refused with the types that are taken (IMG-321)."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind not in DIALECTS:
        raise Refused(415, f"send a PATCH as one of: {', '.join(DIALECTS)}", {"Accept-Patch": ", ".join(DIALECTS)})
    return DIALECTS[kind]


def parse(body: Any, dialect: str, fields: ImageFields) -> list[Change]:
    """Read a list of changes. Raises Invalid and Forbidden for what no image could take (IMG-324)."""
    if not isinstance(body, list):
        raise Invalid("a PATCH is a list of operations")
    return [_change(item, dialect, fields) for item in body]


def applied(
    image: ImageRow,
    wanted: Sequence[Change],
    fields: ImageFields,
    permit: Callable[[Change], None],
    may: May,
    places: Placing,
) -> ImageRow:
    """Return an image with every change made, each permitted when its turn comes; what is hidden stays (AC-54).

    Raises Conflict and Forbidden (IMG-335 to IMG-338, IMG-350), and what `permit` raises.
    """
    base: dict[str, Any] = {}
    properties = dict(image.properties)
    for change in wanted:
        permit(change)
        if change.name == "locations":
            places.change(change)
        elif fields.is_base(change.name):
            base[change.name] = _base(places.status, change)
        else:
            _custom(properties, change, may)
    return replace(image, **base, properties=properties)


def _custom(properties: dict[str, str], change: Change, may: May) -> None:
    """Make a change among custom properties; one that may not be read is not there, but can not be made (AC-53)."""
    exists = change.name in properties
    is_seen = exists and may("read", change.name)
    if change.op == "add" and change.is_strict and is_seen:
        raise Conflict(f"Property {change.name} already present.")
    if change.op in ("replace", "remove") and not is_seen:
        raise Conflict(f"Property {change.name} does not exist.")
    needed: Operation = "delete" if change.op == "remove" else "update" if is_seen else "create"
    if is_seen != exists or not may(needed, change.name):
        raise Forbidden(f"Attribute '{change.name}' is reserved.")
    if change.op == "remove":
        del properties[change.name]
    else:
        properties[change.name] = change.value


def _base(status: Status, change: Change) -> Any:
    """Return what a base field becomes by a change."""
    if change.op == "remove":
        raise Forbidden(f"Property {change.name} may not be removed.")
    if change.op == "add" and change.is_strict:
        raise Conflict(f"Property {change.name} already present.")
    if change.name in FORMATS and status not in (Status.QUEUED, Status.IMPORTING):
        raise Forbidden(f"Attribute {change.name} can be replaced only for a queued image.")
    if change.name == "tags":
        return list(dict.fromkeys(change.value))
    return Visibility(change.value) if change.name == "visibility" else change.value


def _change(item: Any, dialect: str, fields: ImageFields) -> Change:
    if not isinstance(item, dict):
        raise Invalid("each operation of a PATCH is an object")
    op, path = _operation(item) if dialect == "2.1" else _older_operation(item)
    segments = _segments(path)
    name, place = segments[0], segments[1] if len(segments) == 2 else None
    _check_depth(op, segments)
    if op != "remove" and "value" not in item:
        raise Invalid(f"the operation {op} {path} has no value")
    if name in READ_ONLY:
        raise Forbidden(f"Attribute '{name}' is read-only.")
    if is_reserved(name):
        raise Forbidden(f"Attribute '{name}' is reserved.")
    value = None if op == "remove" else _value(name, place, item["value"], fields)
    return Change(op, name, value, place, is_strict=dialect == "2.0" and op == "add")


def _operation(item: dict[str, Any]) -> tuple[str, Any]:
    if item.get("op") not in OPERATIONS:
        raise Invalid(f"each operation has an op: {', '.join(OPERATIONS)}")
    if "path" not in item:
        raise Invalid(f"the operation {item['op']} has no path")
    return item["op"], item["path"]


def _older_operation(item: dict[str, Any]) -> tuple[str, Any]:
    named = [op for op in OPERATIONS if op in item]
    if len(named) != 1:
        raise Invalid(f"each operation has exactly one of {', '.join(OPERATIONS)}")
    return named[0], item[named[0]]


def _segments(path: Any) -> list[str]:
    """Split a JSON pointer (RFC 6901). Raises Invalid (IMG-330, IMG-333)."""
    if not isinstance(path, str) or not path.startswith("/"):
        raise Invalid(f"{path!r} is no path: it begins with a slash")
    if "//" in path or (path.endswith("/") and path != "/"):
        raise Invalid(f"{path!r} is no path: it has an empty segment")
    if "~" in path.replace("~0", "").replace("~1", ""):
        raise Invalid(f"{path!r} is no path: a ~ is written ~0, a slash inside a name ~1")
    return [segment.strip().replace("~1", "/").replace("~0", "~") for segment in path[1:].split("/")]


def _check_depth(op: str, segments: list[str]) -> None:
    if segments[0] == "locations":
        deep = op != "replace"
        if len(segments) != (2 if deep else 1):
            raise Invalid(f"{op} needs a path like /locations{'/0' if deep else ''}")
        if deep and segments[1] != "-" and not segments[1].isdecimal():
            raise Invalid(f"{segments[1]!r} is no position in the locations")
    elif len(segments) != 1:
        raise Invalid("paths have one segment, but for those into the locations")


def _value(name: str, place: str | None, value: Any, fields: ImageFields) -> Any:
    if len(name) > LONGEST:
        raise Invalid(f"the name of a property has at most {LONGEST} characters")
    try:
        return fields.checked(name, [value])[0] if place is not None else fields.checked(name, value)
    except ValueError as error:
        raise Invalid(str(error)) from None
