"""/v2/images/{id}/tags/{tag}: one tag at a time."""

from aiohttp import web

from glimpse.errors import Invalid
from schemas.images import LONGEST
from services.api import answers, bodies, limits
from services.api.actions import tags
from services.api.routing import Call


async def add(call: Call) -> web.Response:
    """Put a tag on an image (section 20)."""
    bodies.refuse(call.request)
    await tags.add(call.ports, call.caller, call.names["image_id"], _tag(call))
    return answers.nothing()


async def remove(call: Call) -> web.Response:
    """Take a tag off an image (section 20)."""
    bodies.refuse(call.request)
    await tags.remove(call.ports, call.caller, call.names["image_id"], _tag(call))
    return answers.nothing()


def _tag(call: Call) -> str:
    """Return the tag in the path. Raises Invalid for one that no image can have (IMG-512, IMG-518)."""
    tag = call.names["tag"]
    if len(tag) > LONGEST:
        raise Invalid(f"a tag has at most {LONGEST} characters; this one has {len(tag)}")
    limits.check_characters(tag)
    return tag
