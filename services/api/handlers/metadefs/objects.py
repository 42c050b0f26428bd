"""/v2/metadefs/namespaces/{namespace}/objects."""

from typing import Any

from aiohttp import web

from schemas import metadefs
from services.api import answers, bodies, links, metadef_bodies, metadef_filters
from services.api import metadef_view as view
from services.api.actions.metadefs import objects
from services.api.routing import Call


async def list_objects(call: Call) -> web.Response:
    """List every object of a namespace (MD-73)."""
    metadef_filters.check_objects(links.query_of(call.request))
    namespace = call.names["namespace"]
    found = await objects.list_objects(call.ports, call.caller, namespace)
    shown = [view.object_(namespace, each) for each in found]
    return answers.json({"objects": shown, "schema": "v2/schemas/metadefs/objects"})  # without a slash (MD-73)


async def create(call: Call) -> web.Response:
    """Make an object (MD-71)."""
    body = await metadef_bodies.read(call, metadefs.OBJECT)
    namespace = call.names["namespace"]
    made = view.object_(namespace, await objects.create(call.ports, call.caller, namespace, body))
    return answers.json(_as_sent(made, body), 201)


async def show(call: Call) -> web.Response:
    """Show one object (MD-74)."""
    bodies.refuse(call.request)
    namespace = call.names["namespace"]
    return answers.json(
        view.object_(namespace, await objects.show(call.ports, call.caller, namespace, call.names["object"]))
    )


async def update(call: Call) -> web.Response:
    """Write an object anew (MD-74)."""
    body = await metadef_bodies.read(call, metadefs.OBJECT)
    namespace = call.names["namespace"]
    written = await objects.update(call.ports, call.caller, namespace, call.names["object"], body)
    return answers.json(_as_sent(view.object_(namespace, written), body))


async def delete(call: Call) -> web.Response:
    """Delete an object (MD-74)."""
    bodies.refuse(call.request)
    await objects.delete(call.ports, call.caller, call.names["namespace"], call.names["object"])
    return answers.nothing()


async def delete_all(call: Call) -> web.Response:
    """Delete every object of a namespace (MD-43)."""
    await objects.delete_all(call.ports, call.caller, call.names["namespace"])
    return answers.nothing()


def _as_sent(shown: dict[str, Any], body: metadefs.Object) -> dict[str, Any]:
    """Leave out what is only empty because nobody said anything (MD-71)."""
    return {name: value for name, value in shown.items() if name in body or name not in ("required", "properties")}
