"""/v2/stores/{store}/{id} and /v2/info: copies in single stores, and what there is to choose from."""

from aiohttp import web

from services.api import answers, bodies, view
from services.api.actions import stores
from services.api.routing import Call


async def delete_copy(call: Call) -> web.Response:
    """Let the copy in one store go (section 23)."""
    bodies.refuse(call.request)
    stores.require_names(call.ports)
    await stores.delete_copy(call.ports, call.caller, call.names["image_id"], call.names["store"])
    return answers.nothing()


async def show_import(call: Call) -> web.Response:
    """Show the ways in which bytes can arrive by themselves (IMG-568)."""
    bodies.refuse(call.request)
    methods = call.ports.settings.import_.methods
    shown = {"description": "Import methods available.", "type": "array", "value": methods}
    return answers.json({"import-methods": shown})


async def list_stores(call: Call) -> web.Response:
    """Show the stores that users may name (IMG-569)."""
    bodies.refuse(call.request)
    stores.require_names(call.ports)
    return answers.json({"stores": view.stores(call.ports)})


async def list_stores_in_detail(call: Call) -> web.Response:
    """Show administrators what the stores are (IMG-570)."""
    bodies.refuse(call.request)
    stores.require_names(call.ports)
    stores.require_detail(call.ports, call.caller)
    return answers.json({"stores": view.stores_in_detail(call.ports)})


async def show_usage(call: Call) -> web.Response:
    """Show how much of each limit is used (IMG-577); without limits there is nothing to show."""
    bodies.refuse(call.request)
    return answers.json({"usage": await stores.used(call.ports, call.caller)})
