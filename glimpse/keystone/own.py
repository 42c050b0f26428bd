"""The token that is our own, with which we ask about those of others; it is renewed before it ends (AC-62)."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from glimpse import settings
from glimpse.errors import Unavailable

LAST_PART = 0.1
"""How much of its life is left when a new one is asked for."""
WHOLE_SECONDS = 1.0
"""It may begin its life so much later than it says, for it counts in whole seconds."""
AGAIN_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Grant:
    """A token of our own, and where to ask with it; times are those of the monotonic clock."""

    text: str
    endpoint: str
    due_at: float
    ends_at: float
    services: Mapping[str, str] = field(default_factory=dict)
    """The ids of the services in its catalogue, by their types."""

    def __repr__(self) -> str:
        return "Grant(...)"  # whoever has it can do what we can

    def is_due(self) -> bool:
        """Say whether it is time for another one."""
        return time.monotonic() >= self.due_at

    def is_over(self) -> bool:
        """Say whether it is worth nothing any more."""
        return time.monotonic() >= self.ends_at

    def later(self) -> "Grant":
        """Return the same, to be renewed in a while."""
        return replace(self, due_at=time.monotonic() + AGAIN_SECONDS)


def request(rules: settings.Auth) -> dict[str, Any]:
    """Say who we are, with a password or an application credential, which has its project by itself."""
    if rules.keystone_application_credential_id is not None:
        secret = rules.keystone_application_credential_secret
        credential = {
            "id": rules.keystone_application_credential_id,
            "secret": secret.get_secret_value() if secret else "",
        }
        identity = {"methods": ["application_credential"], "application_credential": credential}
        return {"auth": {"identity": identity}}
    password = rules.keystone_password.get_secret_value() if rules.keystone_password else ""
    domain = _domain(rules.keystone_user_domain_id, rules.keystone_user_domain_name)
    user = {"name": rules.keystone_username, "domain": domain, "password": password}
    domain = _domain(rules.keystone_project_domain_id, rules.keystone_project_domain_name)
    project = {"name": rules.keystone_project_name, "domain": domain}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": {"project": project}}}


def granted(text: str | None, body: Any, asked_at: float, rules: settings.Auth) -> Grant:
    """Read the token that we are given when we asked at a time of the monotonic clock. Raises Unavailable."""
    try:
        token = body["token"]
        life = moment(token["expires_at"]) - moment(token["issued_at"])  # by its clock, not by ours
        found = _endpoint(token.get("catalog") or (), rules)
        services = {service["type"]: service["id"] for service in token.get("catalog") or () if "id" in service}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unavailable("it answers in a way that is not understood when we ask for a token of our own") from None
    if not text:
        raise Unavailable("it gives us no token of our own")
    life -= WHOLE_SECONDS
    endpoint = versioned(found or rules.keystone_url or "")
    return Grant(text, endpoint, asked_at + life * (1 - LAST_PART), asked_at + life, services)


def moment(text: str) -> float:
    """Read a time as the identity service writes it; in seconds since the epoch."""
    read = datetime.fromisoformat(text)
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def versioned(url: str) -> str:
    """Return the address of version 3 (AC-62)."""
    bare = url.rstrip("/")
    return bare if bare.endswith("/v3") else f"{bare}/v3"


def _endpoint(catalogue: Iterable[Mapping[str, Any]], rules: settings.Auth) -> str | None:
    """Return where the catalogue says that the identity service is; None where it does not."""
    for service in catalogue:
        for endpoint in service["endpoints"] if service.get("type") == "identity" else ():
            is_there = rules.keystone_region is None or endpoint.get("region") == rules.keystone_region
            if endpoint["interface"] == rules.keystone_interface and is_there:
                return str(endpoint["url"])
    return None


def _domain(domain_id: str | None, name: str) -> dict[str, str]:
    return {"id": domain_id} if domain_id is not None else {"name": name}
