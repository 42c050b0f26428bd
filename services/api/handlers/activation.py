"""/v2/images/{id}/actions: out of use, back into use, back from the dead."""

from aiohttp import web

from services.api import answers, bodies
from services.api.actions import activation, deletion
from services.api.routing import Call


async def deactivate(call: Call) -> web.Response:
    """Leave the bytes to administrators alone (section 14)."""
    bodies.refuse(call.request)
    await activation.deactivate(call.ports, call.caller, call.names["image_id"])
    return answers.nothing()


async def reactivate(call: Call) -> web.Response:
    """Let everybody who may have the bytes again (section 14)."""
    bodies.refuse(call.request)
    await activation.reactivate(call.ports, call.caller, call.names["image_id"])
    return answers.nothing()


async def restore(call: Call) -> web.Response:
    """Ask a deleted image back (section 33)."""
    bodies.refuse(call.request)
    await deletion.restore(call.ports, call.caller, call.names["image_id"])
    return answers.nothing(202)
