"""/v2/metadefs/namespaces: make, show, list, change, delete."""

from typing import Any
from urllib.parse import quote

from aiohttp import web

from schemas import metadefs
from services.api import answers, bodies, links, metadef_bodies, metadef_filters, versions
from services.api import metadef_view as view
from services.api.actions.metadefs import namespaces
from services.api.routing import Call

NESTED = ("resource_type_associations", "objects", "tags", "properties")


async def create(call: Call) -> web.Response:
    """Make a namespace with what is in it, and show it as it was sent (MD-31)."""
    body = await metadef_bodies.read(call, metadefs.NAMESPACE)
    namespace = await namespaces.create(call.ports, call.caller, body)
    base = versions.base_of(call.request, call.ports.settings)
    location = f"{base}{view.NAMESPACES}/{quote(namespace.namespace, safe=':/')}"
    nested = {kind: value for kind, value in body.items() if kind in NESTED}
    return answers.json({**view.namespace(namespace), **nested}, 201, {"Location": location})


async def list_namespaces(call: Call) -> web.Response:
    """List a page of namespaces (MD-34, MD-37)."""
    query = links.query_of(call.request)
    wanted = metadef_filters.namespaces_wanted(query, call.ports.settings.api)
    page = await namespaces.page(call.ports, call.caller, wanted)
    content: dict[str, Any] = {"namespaces": [], "first": links.page(view.NAMESPACES, query, None)}
    for namespace, associations in page.namespaces:
        shown = view.namespace(namespace)
        if associations:
            shown["resource_type_associations"] = [view.association(each) for each in associations]
        content["namespaces"].append(shown)
    if page.last is not None:
        content["next"] = links.page(view.NAMESPACES, query, page.last)
    return answers.json({**content, "schema": f"{view.SCHEMAS}/namespaces"})


async def show(call: Call) -> web.Response:
    """Show a namespace and all that is in it (MD-38, MD-40)."""
    bodies.refuse(call.request)
    query = links.query_of(call.request)
    metadef_filters.check_show(query)
    resource_type = metadef_filters.resource_type(query)
    namespace, contents, prefix = await namespaces.show(call.ports, call.caller, call.names["namespace"], resource_type)
    nested = {
        "resource_type_associations": [view.association(each) for each in contents.associations],
        "objects": [view.object_(namespace.namespace, each, prefix) for each in contents.objects],
        "properties": view.properties(contents.properties, prefix),
        "tags": view.tags(contents.tags),
    }
    return answers.json({**view.namespace(namespace), **{kind: each for kind, each in nested.items() if each}})


async def update(call: Call) -> web.Response:
    """Change a namespace; what is in it stays (MD-41)."""
    body = await metadef_bodies.read(call, metadefs.NAMESPACE)
    return answers.json(view.namespace(await namespaces.update(call.ports, call.caller, call.names["namespace"], body)))


async def delete(call: Call) -> web.Response:
    """Delete a namespace (MD-42)."""
    bodies.refuse(call.request)
    await namespaces.delete(call.ports, call.caller, call.names["namespace"])
    return answers.nothing()
