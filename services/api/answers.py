"""What is sent back: JSON, nothing, or a refusal in the form that was asked for (section 4.1 of the contract)."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from services.api.errors import reason_of

JSON = "application/json"
HTML = "text/html"
TEXT = "text/plain"
TIMES = orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS
"""How times are written that nobody wrote yet: as IMG-177 has it."""
LINE_BREAKS = "<br /><br />\n\n\n"  # what the reference's messages end with (IMG-69)


def json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with JSON (IMG-97)."""
    return web.Response(body=orjson.dumps(content, option=TIMES), status=status, content_type=JSON, headers=headers)


def nothing(status: int = 204) -> web.Response:
    """Answer with a status alone (IMG-98)."""
    return web.Response(status=status)


def refusal(status: int, message: str, accept: str | None, headers: Mapping[str, str] | None = None) -> web.Response:
    """Answer with an error as HTML, JSON or text, whichever the request prefers (IMG-68 to IMG-72)."""
    line = f"{status} {reason_of(status)}"
    match preferred(accept):
        case "application/json":
            body = {"message": f"{message}{LINE_BREAKS}", "code": line, "title": reason_of(status)}
            content, kind, charset = orjson.dumps(body), JSON, None
        case "text/html":
            content, kind, charset = _page(line, message).encode(), HTML, "UTF-8"
        case _:
            content, kind, charset = f"{line}\n\n{message}\n\n   ".encode(), TEXT, "UTF-8"
    return web.Response(
        body=content, status=status, reason=reason_of(status), content_type=kind, charset=charset, headers=headers
    )


def preferred(accept: str | None, offers: Sequence[str] = (HTML, JSON)) -> str:
    """Return what an Accept header likes best, the first of equals; text when it takes none of what is offered."""
    qualities = {kind: _quality(kind, accept or "") for kind in offers}
    best = max(offers, key=lambda kind: qualities[kind])
    return best if qualities[best] > 0 else TEXT


def _quality(kind: str, accept: str) -> float:
    """Return how much a media type is wanted: the most specific range that covers it decides (RFC 9110, 12.5.1)."""
    found = (-1, 0.0)
    for part in accept.split(","):
        asked, *parameters = (piece.strip() for piece in part.split(";"))
        specific = _covers(asked.lower(), kind)
        if specific > found[0]:
            found = (specific, _q(parameters))
    return found[1]


def _covers(asked: str, kind: str) -> int:
    if asked == kind:
        return 2
    if asked == kind.partition("/")[0] + "/*":
        return 1
    return 0 if asked == "*/*" else -1


def _q(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _page(line: str, message: str) -> str:
    return (
        f"<html>\n <head>\n  <title>{line}</title>\n </head>\n <body>\n  <h1>{line}</h1>\n"
        f"  {html.escape(message)}<br /><br />\n\n\n\n </body>\n</html>"
    )
