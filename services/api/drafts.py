"""What a create asks for, looked at in the order that clients know (IMG-255)."""

from dataclasses import dataclass
from typing import Any

from glimpse.errors import Forbidden, Invalid
from schemas.images import (
    IGNORED_AT_CREATE,
    LONGEST,
    NEVER_CREATED,
    READ_ONLY_AT_CREATE,
    ImageFields,
    is_reserved,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """An image that somebody wants."""

    base: dict[str, Any]
    """Base fields that were given."""
    properties: dict[str, str]
    """Custom ones."""
    ignored: int
    """How many fields were given that are taken without effect; they count as properties (IMG-194)."""

    def refuse_read_only(self) -> None:
        """Raise Forbidden when a field was given that only the service sets (IMG-192, IMG-196)."""
        for name in (*READ_ONLY_AT_CREATE, "locations"):
            if name in self.base:
                raise Forbidden(f"Attribute '{name}' is read-only.")


def draft(body: dict[str, Any], fields: ImageFields) -> Draft:
    """Read a create body. Raises Forbidden for names that are not for clients, Invalid for what does not fit."""
    for name in body:
        if name in NEVER_CREATED:
            raise Forbidden(f"Attribute '{name}' is read-only.")
    checked: dict[str, Any] = {}
    for name, value in body.items():
        try:
            checked[name] = fields.checked(name, value)
        except ValueError as error:
            raise Invalid(str(error)) from None
    custom = {name: value for name, value in checked.items() if not fields.is_base(name)}
    for name in custom:
        if len(name) > LONGEST:
            raise Invalid(f"the name of a property has at most {LONGEST} characters; {name[:20]}... has {len(name)}")
    for name in custom:
        if is_reserved(name):
            raise Forbidden(f"Attribute '{name}' is reserved.")
    base = {name: value for name, value in checked.items() if name not in custom and name not in IGNORED_AT_CREATE}
    return Draft(base, custom, len(checked) - len(custom) - len(base))
