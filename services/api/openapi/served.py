"""/openapi.json: the description, for whoever asks."""

from aiohttp import web

from services.api import answers
from services.api.openapi import document
from services.api.ports import Ports


async def show(_request: web.BaseRequest, ports: Ports) -> web.Response:
    """Describe the API as it is deployed here."""
    return web.Response(body=document.served(ports.fields), content_type=answers.JSON)
