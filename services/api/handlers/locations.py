"""/v2/images/{id}/locations: where the bytes of an image are."""

from aiohttp import web

from services.api import answers, bodies, location_bodies
from services.api.actions import locations
from services.api.routing import Call


async def add(call: Call) -> web.Response:
    """Say where the bytes of a queued image are."""
    body = await bodies.read_object(call.request, call.ports.settings.api.max_json_bytes)
    await locations.add(call.ports, call.caller, call.names["image_id"], location_bodies.parse(body))
    return answers.nothing(202)


async def list_locations(call: Call) -> web.Response:
    """List them, for services: a bare list."""
    bodies.refuse(call.request)
    return answers.json(await locations.listed(call.ports, call.caller, call.names["image_id"]))
