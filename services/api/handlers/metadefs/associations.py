"""/v2/metadefs/resource_types, and what namespaces are for."""

from aiohttp import web

from schemas import metadefs
from services.api import answers, bodies, metadef_bodies
from services.api import metadef_view as view
from services.api.actions.metadefs import associations
from services.api.routing import Call


async def list_resource_types(call: Call) -> web.Response:
    """List every resource type (MD-53)."""
    bodies.refuse(call.request)
    found = await associations.list_resource_types(call.ports, call.caller)
    return answers.json({"resource_types": [view.resource_type(each) for each in found]})


async def list_associations(call: Call) -> web.Response:
    """List what a namespace is for (MD-52)."""
    bodies.refuse(call.request)
    found = await associations.list_associations(call.ports, call.caller, call.names["namespace"])
    return answers.json({"resource_type_associations": [view.association(each) for each in found]})


async def create(call: Call) -> web.Response:
    """Associate a namespace with a resource type (MD-51)."""
    body = await metadef_bodies.read(call, metadefs.ASSOCIATION)
    made = await associations.create(call.ports, call.caller, call.names["namespace"], body)
    return answers.json(view.association(made), 201)


async def delete(call: Call) -> web.Response:
    """Take an association away (MD-54)."""
    bodies.refuse(call.request)
    await associations.delete(call.ports, call.caller, call.names["namespace"], call.names["resource_type"])
    return answers.nothing()
