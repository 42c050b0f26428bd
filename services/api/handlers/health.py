"""First path segments of our own: whether this process lives, and whether it can serve (IMG-67, IMG-727)."""

import json
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from services.api import answers
from services.api.actions import readiness
from services.api.ports import Ports

OwnHandler = Callable[[web.BaseRequest, Ports], Awaitable[web.StreamResponse]]


async def healthcheck(request: web.BaseRequest, ports: Ports) -> web.Response:
    """Say OK as load balancers know it, or that an operator wants no new requests here (AC-71)."""
    is_disabled = ports.settings.api.healthcheck_disable_file.exists()
    status, reason = (503, "DISABLED BY FILE") if is_disabled else (200, "OK")
    if request.method == "HEAD":
        return web.Response(status=503 if is_disabled else 204)
    kind = answers.preferred(request.headers.get("Accept"), (answers.TEXT, answers.HTML, answers.JSON))
    match kind:
        case answers.JSON:
            text = json.dumps({"detailed": False, "reasons": [reason]}, indent=4)
        case answers.HTML:
            text = f"<html><body><table><tr><td>{reason}</td></tr></table></body></html>"
        case _:
            text = reason
    return web.Response(text=text, status=status, content_type=kind, charset="UTF-8")


async def alive(_request: web.BaseRequest, _ports: Ports) -> web.Response:
    """Say that the process answers."""
    return answers.json({"status": "ok"})


async def ready(_request: web.BaseRequest, ports: Ports) -> web.Response:
    """Say whether everything that requests need can be reached, each by name."""
    problems = await readiness.problems(ports)
    return answers.json({"status": "unavailable" if problems else "ok", "problems": problems}, 503 if problems else 200)


OWN: Mapping[str, OwnHandler] = {"healthcheck": healthcheck, "healthz": alive, "readyz": ready}
