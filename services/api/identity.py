"""Who is asking: everybody, whom a proxy in front names, or nobody in particular (AC-40 to AC-43)."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

import orjson
from aiohttp import web

from glimpse import settings
from glimpse.errors import Invalid, Unauthenticated
from services.api.caller import Caller

EVERYBODY = frozenset({"admin", "member", "reader"})
"""What everybody is where nobody is asked who they are (AC-43)."""


def identify(request: web.BaseRequest, request_id: str, rules: settings.Auth) -> Caller:
    """Return who asks. Raises Unauthenticated when that can not be told."""
    if rules.mode == "none":
        return _caller(request_id, rules.none_user, rules.none_project, EVERYBODY)
    return _named(request, request_id, rules)


def _named(request: web.BaseRequest, request_id: str, rules: settings.Auth) -> Caller:
    headers = request.headers
    if not is_trusted(request.remote, rules) or headers.get("X-Identity-Status") != "Confirmed":
        if rules.allow_anonymous:
            return replace(_caller(request_id, None, None, frozenset()), is_read_only=True)
        raise Unauthenticated("The request you have made requires authentication.")
    _require_catalogue(headers.get("X-Service-Catalog"))
    project = headers.get("X-Project-Id") or headers.get("X-Tenant-Id") or headers.get("X-Tenant")
    return _caller(
        request_id,
        headers.get("X-User-Id"),
        project,
        frozenset(role.lower() for role in _list(headers.get("X-Roles") or headers.get("X-Role"))),
        service_roles=frozenset(_list(headers.get("X-Service-Roles"))),
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


def is_trusted(remote: str | None, rules: settings.Auth) -> bool:
    """Say whether identity headers from a peer are believed."""
    return remote is not None and _is_among(remote, rules.trusted_proxies)


@lru_cache(maxsize=1024)
def _is_among(remote: str, networks: tuple[IPv4Network | IPv6Network, ...]) -> bool:
    address = ip_address(remote.partition("%")[0])
    inner = getattr(address, "ipv4_mapped", None) or address
    return any(inner.version == network.version and inner in network for network in networks)


def _caller(
    request_id: str,
    user: str | None,
    project: str | None,
    roles: frozenset[str],
    service_roles: frozenset[str] = frozenset(),
    **more: Any,
) -> Caller:
    credentials: Mapping[str, Any] = {
        "user_id": user,
        "user": user,
        "project_id": project,
        "tenant": project,
        "roles": roles,
        "service_roles": service_roles,
        **more,
    }
    return Caller(
        request_id=request_id,
        user=user,
        project=project,
        roles=roles,
        service_roles=service_roles,
        is_scoped_elsewhere=bool(more.get("system_scope") or more.get("domain_id")),
        credentials=dict(credentials),
    )


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
