"""/v2/schemas/metadefs: what metadata definitions look like, for clients that ask (section 9 of the contract)."""

from aiohttp import web

from schemas.metadef_discovery import DOCUMENTS
from services.api import answers, bodies
from services.api.routing import Call, Handler


def showing(kind: str) -> Handler:
    """Return what answers with the schema of a kind of thing."""

    async def show(call: Call) -> web.Response:
        bodies.refuse(call.request)
        return answers.json(DOCUMENTS[kind])

    show.__name__ = kind
    show.__doc__ = f"Describe {kind.replace('_', ' ')} as clients see them."
    return show
