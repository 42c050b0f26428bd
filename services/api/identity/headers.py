"""Mode `headers`: a proxy in front has found out who asks, and says so (AC-40, AC-41)."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

import orjson
from aiohttp import web

from glimpse import settings
from glimpse.errors import Invalid
from services.api.caller import Caller
from services.api.identity import callers, challenges


class Named:
    """Callers are whom the proxies that are trusted name."""

    def __init__(self, rules: settings.Auth) -> None:
        self._rules = rules
        self.challenge = challenges.keystone(rules)

    async def identify(self, request: web.BaseRequest, request_id: str) -> Caller:
        """Return who asks."""
        headers = request.headers
        if not is_trusted(request.remote, self._rules) or headers.get("X-Identity-Status") != "Confirmed":
            raise callers.unknown()
        _require_catalogue(headers.get("X-Service-Catalog"))
        caller = callers.caller(
            request_id,
            headers.get("X-User-Id"),
            headers.get("X-Project-Id") or headers.get("X-Tenant-Id") or headers.get("X-Tenant"),
            _list(headers.get("X-Roles") or headers.get("X-Role")),
            service_roles=_list(headers.get("X-Service-Roles")),
            user_domain_id=headers.get("X-User-Domain-Id"),
            project_domain_id=headers.get("X-Project-Domain-Id"),
            domain_id=headers.get("X-Domain-Id"),
            system_scope=headers.get("OpenStack-System-Scope"),
            is_admin_project=headers.get("X-Is-Admin-Project", "True").lower() == "true",
            service_user_id=headers.get("X-Service-User-Id"),
            service_user_domain_id=headers.get("X-Service-User-Domain-Id"),
            service_project_id=headers.get("X-Service-Project-Id"),
            service_project_domain_id=headers.get("X-Service-Project-Domain-Id"),
        )
        token = callers.said_token(request)  # which the proxy has looked at
        return callers.shown(caller, token) if callers.is_token(token) else caller

    async def look(self) -> None:
        """There is nobody to ask."""


def is_trusted(remote: str | None, rules: settings.Auth) -> bool:
    """Say whether what a peer says of others is believed."""
    return remote is not None and _is_among(remote, rules.trusted_proxies)


@lru_cache(maxsize=1024)
def _is_among(remote: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    address = ip_address(remote.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or address
    return any(inner.version == network.version and inner in network for network in networks)


def _require_catalogue(header: str | None) -> None:
    """Raise Invalid for a catalogue that is no JSON: whoever sends it should know (IMG-718)."""
    if header is None:
        return
    try:
        orjson.loads(header)
    except orjson.JSONDecodeError:
        raise Invalid("X-Service-Catalog is not JSON") from None


def _list(header: str | None) -> list[str]:
    return [part.strip() for part in (header or "").split(",") if part.strip()]
