"""First path segments of our own: whether this process lives, and whether it can serve (IMG-67, IMG-727)."""

from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from services.api import answers
from services.api.actions import readiness
from services.api.ports import Ports

OwnHandler = Callable[[web.BaseRequest, Ports], Awaitable[web.StreamResponse]]


async def healthcheck(request: web.BaseRequest, _ports: Ports) -> web.Response:
    """Say OK, as the reference does (AC-71)."""
    if request.method == "HEAD":
        return web.Response(status=204)
    return web.Response(text="OK", content_type="text/plain", charset="UTF-8")


async def alive(_request: web.BaseRequest, _ports: Ports) -> web.Response:
    """Say that the process answers."""
    return answers.json({"status": "ok"})


async def ready(_request: web.BaseRequest, ports: Ports) -> web.Response:
    """Say whether everything that requests need can be reached, each by name."""
    problems = await readiness.problems(ports)
    return answers.json({"status": "unavailable" if problems else "ok", "problems": problems}, 503 if problems else 200)


OWN: Mapping[str, OwnHandler] = {"healthcheck": healthcheck, "healthz": alive, "readyz": ready}
