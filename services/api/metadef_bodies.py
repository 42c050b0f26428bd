"""Bodies about metadata definitions, looked at in the order that clients know (MD-8), before anything else is."""

from collections.abc import Mapping
from typing import Any, TypeVar

from glimpse.errors import Forbidden, Invalid
from schemas import metadefs
from schemas.metadefs import Form
from services.api import bodies
from services.api.routing import Call

T = TypeVar("T")

TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})


async def read(call: Call, form: Form[T]) -> T:
    """Read a body. Raises Invalid, TooLarge, and Forbidden where it sets what the service alone sets (MD-9)."""
    value = await bodies.read_json(call.request, call.ports.settings.api.max_json_bytes, is_kept=False)
    for name in form.read_only:
        if name in value:  # in a list, too (MD-8)
            raise Forbidden(f"Attribute '{name}' is read-only.")
    if metadefs.has_nul(value):
        raise Invalid("U+0000 can not be kept: leave it out")
    if not isinstance(value, dict):
        raise Invalid("the body is a JSON list, but an object is due")
    try:
        body = form.checked(value)
    except ValueError as error:
        raise Invalid(f"Provided object does not match schema '{form.name}': {error}") from None
    _refuse_wide(call, form, value)
    return body


def is_appending(call: Call) -> bool:
    """Say whether tags are to be added to those there are (MD-82)."""
    return call.request.headers.get("X-Openstack-Append", "").strip().lower() in TRUE


def refuse_wide_tag(name: str) -> None:
    """Raise Invalid for the name of a tag, given in a path, that can not be kept (MD-85)."""
    if metadefs.field_too_wide({"name": name}):
        raise Invalid(_too_wide("create", "tag", "name"))


def _refuse_wide(call: Call, form: Form[Any], body: Mapping[str, Any]) -> None:
    """Raise Invalid for characters of more than 16 bits where the reference looks for them (MD-85)."""
    verb = "update" if call.request.method == "PUT" else "create"
    if form is metadefs.NAMESPACE:
        nested = body.get("objects", ()) if verb == "create" else ()
        kept = {name: value for name, value in body.items() if verb == "create" or not isinstance(value, dict)}
        looked_at = [("namespace", kept), *(("object", each) for each in nested)]
    elif form is metadefs.ASSOCIATION or form is metadefs.TAGS:
        looked_at = []
    else:
        looked_at = [(form.name, body)]
    for kind, each in looked_at:
        joined = {"required": ",".join(each["required"])} if kind == "object" and "required" in each else {}
        field = metadefs.field_too_wide({**each, **joined})
        if field is not None:
            raise Invalid(_too_wide(verb, kind, field))


def _too_wide(verb: str, kind: str, field: str) -> str:
    return f"Couldn't {verb} metadata {kind}: {field.title()} can't contain 4 byte unicode characters."
