"""/v2/schemas: what images, members and tasks look like, for clients that ask (section 26 of the contract)."""

from aiohttp import web

from schemas import discovery
from services.api import answers, bodies
from services.api.routing import Call


async def image(call: Call) -> web.Response:
    """Describe an image (IMG-592)."""
    bodies.refuse(call.request)
    return answers.json(discovery.image(call.ports.fields))


async def images(call: Call) -> web.Response:
    """Describe a page of images (IMG-593)."""
    bodies.refuse(call.request)
    return answers.json(discovery.images(call.ports.fields))


async def member(call: Call) -> web.Response:
    """Describe a member (IMG-594)."""
    bodies.refuse(call.request)
    return answers.json(discovery.member())


async def members(call: Call) -> web.Response:
    """Describe a list of members (IMG-595)."""
    bodies.refuse(call.request)
    return answers.json(discovery.members())


async def task(call: Call) -> web.Response:
    """Describe a task (IMG-596)."""
    bodies.refuse(call.request)
    return answers.json(discovery.task())


async def tasks(call: Call) -> web.Response:
    """Describe a page of tasks (IMG-597)."""
    bodies.refuse(call.request)
    return answers.json(discovery.tasks())
