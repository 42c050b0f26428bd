"""/v2/images/{id}/import and /tasks: bytes that arrive by themselves."""

from dataclasses import replace

from aiohttp import web

from services.api import answers, bodies, wishes
from services.api.actions import imports
from services.api.routing import Call


async def request_import(call: Call) -> web.Response:
    """Ask for an import (section 18)."""
    body = await bodies.read_object(call.request, call.ports.settings.api.max_json_bytes)
    settings = call.ports.settings
    header = call.request.headers.get("X-Image-Meta-Store") if settings.api.multi_store else None
    wished = replace(
        wishes.wish(body, header, settings.import_.methods),
        token=call.caller.token,
        catalogue=call.request.headers.get("X-Service-Catalog") if settings.auth.mode == "headers" else None,
    )
    await imports.request_import(call.ports, call.caller, call.names["image_id"], wished)
    return answers.nothing(202)
