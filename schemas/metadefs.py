"""What metadata definitions may say: the bodies that clients send, and the files that operators keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, Required, TypeVar

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from pydantic import with_config as configured
from typing_extensions import TypedDict

LONGEST_NAME = 80
LONGEST_DESCRIPTION = 500
LONGEST_OWNER = 255
LARGEST = 2**63 - 1
TYPES = ("array", "boolean", "integer", "number", "object", "string")
VISIBILITIES = ("public", "private")

STRICTLY = ConfigDict(extra="forbid")
LENIENTLY = ConfigDict(extra="ignore")

T = TypeVar("T")


def _whole(value: Any) -> Any:
    """Let a number like 1.0 be a whole one, as JSON Schema has it."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _truncated(value: Any) -> Any:
    """Cut a number to a whole one: that is how limits are kept (MD-60)."""
    return int(value) if isinstance(value, float) else value


def _text_of(value: Any) -> str | None:
    """Write a default as it is kept: numbers and truth values as text, and nothing for what is no scalar (MD-64)."""
    return str(value) if isinstance(value, str | int | float) else None


def _without_repeats(value: list[str]) -> list[str]:
    if len(set(value)) < len(value):
        raise ValueError("a name is there twice")
    return value


def _without_ours(value: Any) -> Any:
    """Drop what the service says of a thing by itself: whoever sends back what was shown need not (MD-44)."""
    return {name: inner for name, inner in value.items() if name not in ("self", "schema", "created_at", "updated_at")}


Text = Annotated[str, Strict()]
Name = Annotated[str, Strict(), StringConstraints(max_length=LONGEST_NAME)]
NamespaceName = Annotated[str, Strict(), StringConstraints(min_length=1, max_length=LONGEST_NAME)]
Description = Annotated[str, Strict(), StringConstraints(max_length=LONGEST_DESCRIPTION)]
Owner = Annotated[str, Strict(), StringConstraints(max_length=LONGEST_OWNER)]
Flag = Annotated[bool, Strict()]
Limit = Annotated[int, Strict(), BeforeValidator(_truncated), Field(ge=-LARGEST, le=LARGEST)]
Count = Annotated[int, Strict(), BeforeValidator(_whole), Field(ge=0, le=LARGEST)]
Default = Annotated[str | None, BeforeValidator(_text_of)]
Kind = Literal["array", "boolean", "integer", "number", "object", "string"]
Visibility = Literal["public", "private"]


@configured(STRICTLY)
class Items(TypedDict, total=False):
    """What the entries of a list are."""

    type: Required[Kind]
    enum: list[Text]


class _Described(TypedDict, total=False):
    """What a property is, as a part of JSON Schema (MD-60)."""

    title: Required[Text]
    type: Required[Kind]
    description: Text
    operators: list[Text]
    minimum: Limit
    maximum: Limit
    minLength: Count
    maxLength: Count
    minItems: Count
    maxItems: Count
    pattern: Text
    enum: list[Text]
    readonly: Flag
    default: Default
    items: Items
    uniqueItems: Flag
    additionalItems: Flag


@configured(STRICTLY)
class Definition(_Described, total=False):
    """A property in a map, which says how it is called (MD-63)."""

    name: Name


@configured(STRICTLY)
class Property(_Described, total=False):
    """A property by itself."""

    name: Required[Name]


@configured(STRICTLY)
class Association(TypedDict, total=False):
    """Properties are for resources of a type: how they are called there, and where they are looked for (MD-50)."""

    name: Required[Name]
    prefix: Name
    properties_target: Name


@configured(STRICTLY)
class Object(TypedDict, total=False):
    """Properties that belong together (MD-70)."""

    name: Required[Name]
    description: Text
    required: Annotated[list[Text], AfterValidator(_without_repeats)]
    properties: dict[Text, Definition]


@configured(STRICTLY)
class Tag(TypedDict):
    """A word."""

    name: Name


@configured(STRICTLY)
class Tags(TypedDict):
    """Words (MD-82)."""

    tags: list[Tag]


@configured(STRICTLY)
class _ShownAssociation(Association, total=False):
    created_at: Any
    updated_at: Any


@configured(STRICTLY)
class _ShownObject(Object, total=False):
    created_at: Any
    updated_at: Any
    self: Any
    schema: Any


@configured(STRICTLY)
class _ShownTag(Tag, total=False):
    created_at: Any
    updated_at: Any


@configured(STRICTLY)
class Namespace(TypedDict, total=False):
    """A namespace, with what is to be in it (MD-30)."""

    namespace: Required[NamespaceName]
    display_name: Name
    description: Description
    visibility: Visibility
    protected: Flag
    owner: Owner
    resource_type_associations: list[Annotated[_ShownAssociation, AfterValidator(_without_ours)]]
    properties: dict[Name, Definition]
    objects: list[Annotated[_ShownObject, AfterValidator(_without_ours)]]
    tags: list[Annotated[_ShownTag, AfterValidator(_without_ours)]]


@configured(LENIENTLY)
class FileAssociation(TypedDict, total=False):
    """An association as a file has it."""

    name: Required[Name]
    prefix: Name | None
    properties_target: Name | None


@configured(LENIENTLY)
class FileObject(TypedDict, total=False):
    """An object as a file has it; what it requires is not read (MD-102)."""

    name: Required[Name]
    description: Text | None
    properties: dict[Text, Definition] | None


@configured(LENIENTLY)
class FileTag(TypedDict):
    """A tag as a file has it."""

    name: Name


@configured(LENIENTLY)
class File(TypedDict, total=False):
    """One namespace, and everything in it, as a file has it (MD-102)."""

    namespace: Required[NamespaceName]
    display_name: Name | None
    description: Description | None
    visibility: Visibility | None
    protected: Flag | None
    owner: Owner | None
    resource_type_associations: list[FileAssociation] | None
    properties: dict[Name, Definition] | None
    objects: list[FileObject] | None
    tags: list[FileTag] | None


@dataclass(frozen=True)
class Form(Generic[T]):
    """What a body must be like; `name` is that of its schema."""

    name: str
    adapter: TypeAdapter[T]
    read_only: Sequence[str]
    """Names that the service alone sets (MD-9)."""

    def checked(self, value: Any) -> T:
        """Return a body as it is kept. Raises ValueError with the first thing that is wrong."""
        try:
            return self.adapter.validate_python(value)
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{where}: {first['msg']}") from None


TIMES = ("created_at", "updated_at")
LINKS = ("self", "schema")

NAMESPACE = Form("namespace", TypeAdapter(Namespace), LINKS + TIMES)
OBJECT = Form("object", TypeAdapter(Object), LINKS + TIMES)
PROPERTY = Form("property", TypeAdapter(Property), TIMES)
ASSOCIATION = Form("resource_type_association", TypeAdapter(Association), TIMES)
TAG = Form("tag", TypeAdapter(Tag), TIMES)
TAGS = Form("tags", TypeAdapter(Tags), TIMES)
FILE = Form("file", TypeAdapter(File), ())


def field_too_wide(body: Mapping[str, Any]) -> str | None:
    """Return the name of a field whose text, or whose name, has more than 16 bits in a character (MD-85).

    Only fields with one value are looked at, at any depth of objects; what stands in lists is not.
    """
    for name, value in body.items():
        if isinstance(value, Mapping):
            found = field_too_wide(value)
            if found is not None:
                return found
        elif not isinstance(value, list) and (_is_wide(name) or (isinstance(value, str) and _is_wide(value))):
            return name
    return None


def has_nul(value: Any) -> bool:
    """Say whether a text, or one anywhere inside a JSON value, has U+0000 in it, which can not be kept."""
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            if "\0" in each:
                return True
        elif isinstance(each, dict):
            waiting.extend(each)
            waiting.extend(each.values())
        elif isinstance(each, list):
            waiting.extend(each)
    return False


def _is_wide(text: str) -> bool:
    return not text.isascii() and max(text) > "\uffff"
