"""/v2/metadefs/namespaces/{namespace}/properties."""

from aiohttp import web

from schemas import metadefs
from services.api import answers, bodies, links, metadef_bodies, metadef_filters
from services.api import metadef_view as view
from services.api.actions.metadefs import properties
from services.api.routing import Call


async def list_properties(call: Call) -> web.Response:
    """List every property of a namespace (MD-62)."""
    bodies.refuse(call.request)
    found = await properties.list_properties(call.ports, call.caller, call.names["namespace"])
    return answers.json({"properties": view.properties(found)})


async def create(call: Call) -> web.Response:
    """Make a property (MD-61)."""
    body = await metadef_bodies.read(call, metadefs.PROPERTY)
    made = await properties.create(call.ports, call.caller, call.names["namespace"], body)
    return answers.json(view.property_(made), 201)


async def show(call: Call) -> web.Response:
    """Show one property, by what it is called for a resource type if one is named (MD-65)."""
    resource_type = metadef_filters.resource_type(links.query_of(call.request))
    namespace, name = call.names["namespace"], call.names["property"]
    return answers.json(view.property_(await properties.show(call.ports, call.caller, namespace, name, resource_type)))


async def update(call: Call) -> web.Response:
    """Write a property anew (MD-66)."""
    body = await metadef_bodies.read(call, metadefs.PROPERTY)
    namespace, name = call.names["namespace"], call.names["property"]
    return answers.json(view.property_(await properties.update(call.ports, call.caller, namespace, name, body)))


async def delete(call: Call) -> web.Response:
    """Delete a property (MD-67)."""
    await properties.delete(call.ports, call.caller, call.names["namespace"], call.names["property"])
    return answers.nothing()


async def delete_all(call: Call) -> web.Response:
    """Delete every property of a namespace (MD-43)."""
    await properties.delete_all(call.ports, call.caller, call.names["namespace"])
    return answers.nothing()
