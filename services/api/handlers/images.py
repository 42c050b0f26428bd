"""/v2/images: make, show, list, change, delete."""

from aiohttp import web

from services.api import answers, bodies, deleted_filters, filters, links, patches, versions, view
from services.api.actions import deleted, deletion, images, listing
from services.api.routing import Call


async def create(call: Call) -> web.Response:
    """Make an image (section 8)."""
    body = await bodies.read_object(call.request, call.ports.settings.api.max_json_bytes, is_kept=False)
    seen = await images.create(call.ports, call.caller, body)
    base = versions.base_of(call.request, call.ports.settings)
    headers = {"Location": f"{base}/v2/images/{seen.image.id}"}
    methods = call.ports.settings.import_.methods
    if methods:
        headers["OpenStack-image-import-methods"] = ",".join(methods)
    if call.ports.settings.api.multi_store:
        headers["OpenStack-image-store-ids"] = ",".join(call.ports.catalog.names)
    return answers.json(await view.image(call.ports, seen), 201, headers)


async def show(call: Call) -> web.Response:
    """Show an image (section 9)."""
    bodies.refuse(call.request)
    seen = await images.show(call.ports, call.caller, call.names["image_id"])
    return answers.json(await view.image(call.ports, seen))


async def list_images(call: Call) -> web.Response:
    """List a page of images (section 10)."""
    query = links.query_of(call.request)
    page = await listing.page(call.ports, call.caller, filters.wanted(query, call.ports.settings.api))
    content = {
        "images": await view.images(call.ports, page.seen),
        "first": links.page("/v2/images", query, None),
        "schema": "/v2/schemas/images",
    }
    if page.last is not None:
        content["next"] = links.page("/v2/images", query, page.last)
    return answers.json(content)


async def list_deleted(call: Call) -> web.Response:
    """List a page of deleted images (IMG-742)."""
    bodies.refuse(call.request)
    deleted.require_access(call.ports, call.caller)
    query = links.query_of(call.request)
    page = await deleted.page(call.ports, call.caller, deleted_filters.wanted(query, call.ports.settings.api))
    content = {
        "images": [view.deleted(call.ports, seen) for seen in page.seen],
        "first": links.page("/v2/images/deleted", query, None),
    }
    if page.last is not None:
        content["next"] = links.page("/v2/images/deleted", query, page.last)
    return answers.json(content)


async def update(call: Call) -> web.Response:
    """Change an image (section 11)."""
    dialect = patches.dialect_of(call.request.headers.get("Content-Type"))
    body = await bodies.read_json(call.request, call.ports.settings.api.max_json_bytes, is_kept=False)
    wanted = patches.parse(body, dialect, call.ports.fields)
    seen = await images.update(call.ports, call.caller, call.names["image_id"], wanted)
    return answers.json(await view.image(call.ports, seen))


async def delete(call: Call) -> web.Response:
    """Delete an image (section 13)."""
    bodies.refuse(call.request)
    await deletion.delete(call.ports, call.caller, call.names["image_id"])
    return answers.nothing()
