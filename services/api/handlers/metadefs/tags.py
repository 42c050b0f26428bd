"""/v2/metadefs/namespaces/{namespace}/tags."""

from aiohttp import web

from schemas import metadefs
from services.api import answers, bodies, links, metadef_bodies, metadef_filters
from services.api import metadef_view as view
from services.api.actions.metadefs import tags
from services.api.routing import Call


async def list_tags(call: Call) -> web.Response:
    """List the tags of a namespace (MD-83)."""
    wanted = metadef_filters.tags_wanted(links.query_of(call.request))
    return answers.json(
        {"tags": view.tags(await tags.list_tags(call.ports, call.caller, call.names["namespace"], wanted))}
    )


async def create_many(call: Call) -> web.Response:
    """Make many tags, in place of those there are or beside them (MD-82)."""
    body = await metadef_bodies.read(call, metadefs.TAGS)
    names = [each["name"] for each in body["tags"]]
    appending = metadef_bodies.is_appending(call)
    await tags.create_many(call.ports, call.caller, call.names["namespace"], names, is_appending=appending)
    return answers.json({"tags": [{"name": name} for name in names]}, 201)


async def create(call: Call) -> web.Response:
    """Make one tag (MD-80)."""
    bodies.refuse(call.request)
    metadef_bodies.refuse_wide_tag(call.names["tag"])
    made = await tags.create(call.ports, call.caller, call.names["namespace"], call.names["tag"])
    return answers.json(view.tag(made), 201)


async def show(call: Call) -> web.Response:
    """Show one tag (MD-81)."""
    bodies.refuse(call.request)
    return answers.json(view.tag(await tags.show(call.ports, call.caller, call.names["namespace"], call.names["tag"])))


async def update(call: Call) -> web.Response:
    """Rename a tag (MD-81)."""
    body = await metadef_bodies.read(call, metadefs.TAG)
    namespace, name = call.names["namespace"], call.names["tag"]
    return answers.json(view.tag(await tags.update(call.ports, call.caller, namespace, name, body["name"])))


async def delete(call: Call) -> web.Response:
    """Delete one tag (MD-81)."""
    bodies.refuse(call.request)
    await tags.delete(call.ports, call.caller, call.names["namespace"], call.names["tag"])
    return answers.nothing()


async def delete_all(call: Call) -> web.Response:
    """Delete every tag of a namespace (MD-43)."""
    await tags.delete_all(call.ports, call.caller, call.names["namespace"])
    return answers.nothing()
