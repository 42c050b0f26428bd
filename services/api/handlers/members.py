"""/v2/images/{id}/members: the projects that an image is shared with."""

from typing import Any

import orjson
from aiohttp import web

from glimpse.errors import Invalid
from schemas.images import LONGEST
from services.api import answers, bodies, view
from services.api.actions import members
from services.api.routing import Call


async def create(call: Call) -> web.Response:
    """Share an image with a project (IMG-522)."""
    body = await bodies.read_object(call.request, call.ports.settings.api.max_json_bytes)
    member = await members.share(call.ports, call.caller, call.names["image_id"], _project(body))
    return answers.json(view.member(member))  # not 201 (IMG-100)


async def list_members(call: Call) -> web.Response:
    """List the members of an image (IMG-523)."""
    bodies.refuse(call.request)
    found = await members.list_members(call.ports, call.caller, call.names["image_id"])
    return answers.json({"members": [view.member(each) for each in found], "schema": "/v2/schemas/members"})


async def show(call: Call) -> web.Response:
    """Show one member (IMG-524)."""
    bodies.refuse(call.request)
    member = await members.show(call.ports, call.caller, call.names["image_id"], call.names["member"])
    return answers.json(view.member(member))


async def update(call: Call) -> web.Response:
    """Say yes or no to an image (IMG-525)."""
    body = await bodies.read_object(call.request, call.ports.settings.api.max_json_bytes)
    if "status" not in body:
        raise Invalid("say which status the member has now: send it as `status`")
    image_id, project = call.names["image_id"], call.names["member"]
    return answers.json(view.member(await members.answer(call.ports, call.caller, image_id, project, body["status"])))


async def delete(call: Call) -> web.Response:
    """Take a project from the members (IMG-526)."""
    bodies.refuse(call.request)
    await members.unshare(call.ports, call.caller, call.names["image_id"], call.names["member"])
    return answers.nothing()


def _project(body: dict[str, Any]) -> str:
    """Return the project to share with; what is no text is written as one (IMG-529). Raises Invalid (IMG-538)."""
    given = body.get("member")
    if given in (None, "", [], {}):
        raise Invalid("say which project to share with: send its id as `member`")
    project = given if isinstance(given, str) else orjson.dumps(given).decode()
    if len(project) > LONGEST:
        raise Invalid(f"the id of a project has at most {LONGEST} characters; this one has {len(project)}")
    return project
