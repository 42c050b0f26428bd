"""How a client reached us, as a proxy in front tells: only one that is trusted, and only when that is wanted (AC-74).

Who a peer is stays what the connection says, wherever something is believed of it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aiohttp import web

from glimpse.settings import Settings
from services.api.identity import headers

HOST = re.compile(r"(?:[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
LONGEST = 4096
"""Characters of a Forwarded field; a longer one is passed over, since it may come from a client."""
FIRST = re.compile(r'(?:[^",]++|"[^"]*+")*+')
"""The first element of a Forwarded field: up to a comma outside quotes. Nothing here is ever read twice."""
PAIR = re.compile(r'\s*+([A-Za-z]++)\s*+=\s*+(?:"([^"]*+)"|([^\s",;]*+))\s*+')
"""A parameter of a Forwarded element (RFC 7239)."""
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as its client sent it."""

    scheme: str
    host: str
    prefix: str
    """What stands before our paths, without a slash at its end."""
    client: str | None
    """Who sent it, for people to read."""

    @property
    def base(self) -> str:
        """Scheme, host and prefix, without a slash at the end."""
        return f"{self.scheme}://{self.host.removesuffix(DEFAULT_PORTS[self.scheme])}{self.prefix}"


def seen(request: web.BaseRequest, settings: Settings) -> Seen:
    """Return a request as its client sent it; what a proxy says that makes no sense is passed over."""
    host = request.headers.get("Host") or f"{settings.api.host}:{settings.api.port}"
    if not settings.api.proxy_headers or not headers.is_trusted(request.remote, settings.auth):
        return Seen(request.scheme, host, "", request.remote)
    said = _said(request.headers)
    scheme, prefix = said.get("proto", "").lower(), request.headers.get("X-Forwarded-Prefix", "").rstrip("/")
    return Seen(
        scheme if scheme in DEFAULT_PORTS else request.scheme,
        said["host"] if HOST.fullmatch(said.get("host", "")) else host,
        prefix if PREFIX.fullmatch(prefix) else "",
        said.get("for") or request.remote,
    )


def _said(fields: Mapping[str, str]) -> dict[str, str]:
    """Return what was said of proto, host and for: by the first element of Forwarded, or else by the older fields."""
    forwarded = fields.get("Forwarded")
    if forwarded is None:
        return {name: fields.get(f"X-Forwarded-{name.title()}", "").strip() for name in ("proto", "host", "for")}
    first = FIRST.match(forwarded) if len(forwarded) <= LONGEST else None
    found = (PAIR.fullmatch(part) for part in (first[0] if first else "").split(";"))
    return {pair[1].lower(): pair[2] if pair[2] is not None else pair[3] for pair in found if pair}
