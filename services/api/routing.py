"""Which route a path leads to; encoded slashes are slashes, and one at the end makes another path (IMG-77, IMG-82)."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from aiohttp import web

from glimpse.errors import Invalid
from services.api.caller import Caller
from services.api.ports import Ports

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"})


@dataclass(frozen=True, slots=True)
class Call:
    """One request, once it is known who asks for what."""

    request: web.BaseRequest
    ports: Ports
    caller: Caller
    names: Mapping[str, str]
    """What the path names: `image_id`, `tag`, `member` ..."""
    carried: Mapping[str, str]
    """Header fields of every answer; who prepares one by itself sends them along."""


Handler = Callable[[Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Route:
    """A path below `/v2` and what answers on it; `allow` is what a 405 says, None makes that a 404 (IMG-79)."""

    pattern: tuple[str, ...]
    handlers: Mapping[str, Handler]
    allow: str | None

    def names_in(self, segments: Sequence[str]) -> dict[str, str] | None:
        """Return what a path names if it is this one's."""
        names: dict[str, str] = {}
        for expected, segment in zip(self.pattern, segments, strict=True):
            if expected.startswith("{"):
                if not segment or "\0" in segment:  # nothing has such a name: no text in the database holds a NUL
                    return None
                names[expected[1:-1]] = segment
            elif expected != segment:
                return None
        return names


def route(path: str, *, allow: str | None = "", **handlers: Any) -> Route:
    """Make a route: `route("/images/{image_id}", GET=..., allow="GET, PATCH")`; by default every method is allowed."""
    listed = ", ".join(handlers) if allow == "" else allow
    return Route(tuple(path.strip("/").split("/")), handlers, listed)


class Router:
    """Every route, found by the number of segments and the first of them."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes: dict[tuple[int, str], list[Route]] = {}
        for each in routes:
            self._routes.setdefault((len(each.pattern), each.pattern[0]), []).append(each)

    def find(self, segments: Sequence[str]) -> tuple[Route, dict[str, str]] | None:
        """Return the route of a path below the version, and what the path names; None for an unknown one."""
        for each in self._routes.get((len(segments), segments[0]), ()):
            names = each.names_in(segments)
            if names is not None:
                return each, names
        return None


def segments_of(raw_path: str) -> list[str]:
    """Split a raw path into its decoded segments. Raises Invalid for what is not UTF-8 (IMG-510)."""
    if "%" not in raw_path:
        return raw_path.lstrip("/").split("/")
    try:
        return unquote_to_bytes(raw_path).decode().lstrip("/").split("/")
    except UnicodeDecodeError:
        raise Invalid("the path has bytes in it that are not UTF-8") from None
