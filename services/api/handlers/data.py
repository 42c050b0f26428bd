"""/v2/images/{id}/file and /stage: bytes in, bytes out."""

from aiohttp import web

from services.api import announcements, answers, bodies, compression, ranges, transfers
from services.api.actions import data, staging
from services.api.routing import Call


async def upload(call: Call) -> web.Response:
    """Take an image's bytes (section 15)."""
    bodies.require_octets(call.request)
    announced = announcements.announced(call.request.headers)
    image_id = call.names["image_id"]
    await data.upload(call.ports, call.caller, image_id, announced, bodies.chunks(call.request))
    return answers.nothing()


async def stage(call: Call) -> web.Response:
    """Take bytes that are to be imported later (section 17)."""
    staging.require_enabled(call.ports)
    bodies.require_octets(call.request)
    announced = announcements.announced(call.request.headers)
    image_id = call.names["image_id"]
    await staging.stage(call.ports, call.caller, image_id, announced, bodies.chunks(call.request))
    return answers.nothing()


async def download(call: Call) -> web.StreamResponse:
    """Give an image's bytes, all of them or a part (section 16)."""
    bodies.refuse(call.request)
    preferred = _preferred(call.request)
    copy = await data.download(call.ports, call.caller, call.names["image_id"], preferred)
    if copy is None:
        return answers.nothing()
    part = ranges.part(call.request.headers, copy.size)
    headers = {"Content-Type": bodies.OCTETS, **call.carried}
    if copy.image.checksum:
        headers["Content-MD5"] = copy.image.checksum  # of the whole, in hex (IMG-419, IMG-421)
    first, length = (part.first, part.length) if part else (0, copy.size)
    if part:
        headers["Content-Range"] = part.content_range
    headers["Content-Length"] = str(length)
    response = web.StreamResponse(status=206 if part else 200, headers=headers)
    if part is None and compression.is_wanted(call.request, call.ports.settings.api):
        compression.flow(response)  # never a part: it is one of the bytes as they are
    await transfers.send(call.request, response, copy.store, copy.key, first, length)
    return response


def _preferred(request: web.BaseRequest) -> list[str]:
    """Return the stores that are to be tried first (IMG-437)."""
    named = ",".join(request.rel_url.query.getall("prefer", ()))
    return [name.strip() for name in named.split(",") if name.strip()]
