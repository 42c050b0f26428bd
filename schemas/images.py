"""What an image may say of itself: its base fields, and what fits in each (section 6 of the contract)."""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Strict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)

UUID = r"^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"
LONGEST = 255
LARGEST_INT = 2**31 - 1
AMOUNTS = frozenset({"min_disk", "min_ram"})
"""Fields from 0 to LARGEST_INT; looked at when an image is stored, after everything else (IMG-255)."""
UNKEPT = re.compile("[\0\U00010000-\U0010ffff]")

READ_ONLY = frozenset(
    {
        "id",
        "status",
        "checksum",
        "size",
        "virtual_size",
        "created_at",
        "updated_at",
        "os_hash_algo",
        "os_hash_value",
        "direct_url",
        "self",
        "file",
        "schema",
        "stores",
    }
)
"""Fields that no PATCH changes (IMG-346, IMG-695)."""

RESERVED = frozenset({"location", "deleted", "deleted_at"})
"""Names that nobody may use (IMG-195, IMG-347)."""

RESERVED_PREFIXES = ("os_glance", "os_glimpse")
"""Names that only the service uses (IMG-197, IMG-723)."""

NEVER_CREATED = frozenset({"direct_url", "self", "file", "schema", "stores"})
"""Refused in a create before anything else is looked at (IMG-190, IMG-191)."""

READ_ONLY_AT_CREATE = frozenset({"created_at", "updated_at", "status", "checksum", "size", "virtual_size"})
"""Refused in a create once their values fit (IMG-192)."""

IGNORED_AT_CREATE = frozenset({"os_hash_algo", "os_hash_value"})
"""Taken in a create, and without effect (IMG-194)."""


DEFINED: Mapping[str, Mapping[str, Any]] = {
    "kernel_id": {
        "type": ["null", "string"],
        "pattern": UUID,
        "description": "The image that has the kernel to boot this one with.",
    },
    "ramdisk_id": {
        "type": ["null", "string"],
        "pattern": UUID,
        "description": "The image that has the ramdisk to boot this one with.",
    },
    "instance_uuid": {"type": "string", "description": "The server that this image is a snapshot of."},
    "architecture": {"type": "string", "description": "The processor that the system in the image runs on."},
    "os_distro": {"type": "string", "description": "The distribution in the image, by its common short name."},
    "os_version": {"type": "string", "description": "The version of that distribution, as its makers write it."},
    "description": {"type": "string", "description": "What people should know about the image."},
    "cinder_encryption_key_id": {
        "type": "string",
        "description": "The key, in the key manager, that the bytes of a volume's image are encrypted with.",
    },
    "cinder_encryption_key_deletion_policy": {
        "type": "string",
        "enum": ["on_image_deletion", "do_not_delete"],
        "description": "What becomes of that key when the image is deleted.",
    },
}
"""Custom properties that are more than any text, as JSON Schema, unless the operator says otherwise (IMG-185)."""


def _whole(value: Any) -> Any:
    """Let a number like 1.0 be a whole one (IMG-162); what is neither stays what it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, Strict(), StringConstraints(max_length=LONGEST)]
Flag = Annotated[bool, Strict()]
Whole = Annotated[int, Strict(), BeforeValidator(_whole)]
Anything = Annotated[str, Strict()]


class ValidationData(BaseModel):
    """Digests that somebody vouches for (IMG-364)."""

    model_config = ConfigDict(extra="forbid", strict=True)

    os_hash_algo: Annotated[str, StringConstraints(max_length=64)]
    os_hash_value: Annotated[str, StringConstraints(max_length=128)]
    checksum: Annotated[str, StringConstraints(min_length=32, max_length=32)] = ""


class Location(BaseModel):
    """A place where bytes are, as clients write it; what else they write is passed over (IMG-357)."""

    model_config = ConfigDict(strict=True)

    url: Annotated[str, StringConstraints(max_length=LONGEST)]
    metadata: dict[str, Any]
    validation_data: ValidationData | None = None


def _as_json(locations: Sequence[Location]) -> list[dict[str, Any]]:
    return [location.model_dump(exclude_unset=True) for location in locations]


class ImageFields:
    """The fields of an image in one deployment: those that every image has, and custom ones that are defined there."""

    def __init__(
        self,
        disk_formats: Sequence[str],
        container_formats: Sequence[str],
        defined: Mapping[str, Mapping[str, Any]] = DEFINED,
    ) -> None:
        self.disk_formats, self.container_formats, self.defined = disk_formats, container_formats, defined
        self._fields: Mapping[str, TypeAdapter[Any]] = {
            "id": TypeAdapter(Annotated[str, Strict(), StringConstraints(pattern=UUID)]),
            "name": TypeAdapter(Text | None),
            "owner": TypeAdapter(Text | None),
            "status": _one_of(STATUSES),
            "visibility": _one_of(VISIBILITIES),
            "protected": TypeAdapter(Flag),
            "os_hidden": TypeAdapter(Flag),
            "container_format": _one_of_or_null(container_formats),
            "disk_format": _one_of_or_null(disk_formats),
            "min_disk": TypeAdapter(Whole),
            "min_ram": TypeAdapter(Whole),
            "size": TypeAdapter(Whole | None),
            "virtual_size": TypeAdapter(Whole | None),
            "checksum": _text_or_null(32),
            "os_hash_algo": _text_or_null(64),
            "os_hash_value": _text_or_null(128),
            "created_at": TypeAdapter(Anything),
            "updated_at": TypeAdapter(Anything),
            "tags": TypeAdapter(list[Text]),
            "locations": TypeAdapter(Annotated[list[Location], AfterValidator(_as_json)]),
        }
        self._defined = {name: _described(schema) for name, schema in defined.items()}
        self._custom: TypeAdapter[Any] = TypeAdapter(Anything)

    def is_base(self, name: str) -> bool:
        """Say whether a name is a field that every image has, and no custom property."""
        return name in self._fields or name in READ_ONLY

    def checked(self, name: str, value: Any) -> Any:
        """Return a value as the field keeps it. Raises ValueError with what is wrong."""
        field = self._fields.get(name)
        if field is None and type(value) is str and name not in self._defined:
            return value
        try:
            if field is not None:
                return field.validate_python(value)
            custom = self._defined.get(name, self._custom).validate_python(value)
        except ValidationError as error:
            raise ValueError(f"{name or '(the empty name)'}: {_wrong(error)}") from None
        return "" if custom is None else custom  # what nulls are shown as (IMG-186)


VISIBILITIES = ("community", "public", "private", "shared")
STATUSES = (
    "queued",
    "saving",
    "active",
    "killed",
    "deleted",
    "uploading",
    "importing",
    "pending_delete",
    "deactivated",
)


def is_reserved(name: str) -> bool:
    """Say whether a name may not be used by anybody (IMG-195, IMG-197, IMG-723)."""
    return name in RESERVED or name.startswith(RESERVED_PREFIXES)


def is_too_wide(value: Any) -> bool:
    """Say whether a text, or one inside a JSON value, has what can not be kept: NUL, or more than 16 bits (IMG-93)."""
    left = [value]
    while left:  # no recursion: JSON may be nested deeper than calls
        part = left.pop()
        if isinstance(part, str):
            if UNKEPT.search(part):
                return True
        elif isinstance(part, dict):
            left += part.keys()
            left += part.values()
        elif isinstance(part, list):
            left += part
    return False


def _one_of(words: Sequence[str]) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[str, Strict(), StringConstraints(pattern=_alternatives(words))])


def _one_of_or_null(words: Sequence[str]) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[str, Strict(), StringConstraints(pattern=_alternatives(words))] | None)


def _described(schema: Mapping[str, Any]) -> TypeAdapter[Any]:
    """Return what judges a text, or null, by its JSON Schema."""
    pattern = _alternatives(schema["enum"]) if "enum" in schema else schema.get("pattern")
    text: Any = Annotated[str, Strict(), StringConstraints(pattern=pattern)]
    return TypeAdapter(text | None if "null" in schema["type"] else text)


def _text_or_null(longest: int) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[str, Strict(), StringConstraints(max_length=longest)] | None)


def _alternatives(words: Sequence[str]) -> str:
    return f"^({'|'.join(re.escape(word) for word in words)})$"


def _wrong(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, int))
    return f"{'entry ' + where + ': ' if where else ''}{first['msg']}"
