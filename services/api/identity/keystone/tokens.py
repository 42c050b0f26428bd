"""What a token says, as far as we need it: small, for thousands of them are remembered (AC-63)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from glimpse.errors import Invalid
from glimpse.keystone import own
from services.api.identity.keystone.access_rules import AccessRule


@dataclass(frozen=True, slots=True)
class Token:
    """A token that is, or was, valid."""

    expires_at: float
    """In seconds since the epoch; looked at again on each use (AC-65)."""
    user: str
    user_domain: str | None
    project: str | None
    project_domain: str | None
    domain: str | None
    system_scope: str | None
    roles: tuple[str, ...]
    is_admin_project: bool
    services: frozenset[str]
    """The types of the services in its catalogue."""
    access_rules: tuple[AccessRule, ...] | None
    """What alone it may be used for, when it comes of an application credential that says so (AC-67)."""

    def is_over(self, now: float) -> bool:
        """Say whether its time has passed."""
        return self.expires_at <= now


def parsed(body: Any) -> Token:
    """Read what the identity service says of a token. Raises Invalid where what must be there is not."""
    try:
        return _parsed(body["token"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"the identity service describes a token in a way that is not understood: {error!r}") from None


def _parsed(token: Mapping[str, Any]) -> Token:
    user, project = token["user"], token.get("project") or {}
    return Token(
        expires_at=own.moment(token["expires_at"]),
        user=_text(user["id"]),
        user_domain=_id(user.get("domain")),
        project=project.get("id"),
        project_domain=_id(project.get("domain")),
        domain=_id(token.get("domain")),
        system_scope="all" if (token.get("system") or {}).get("all") else None,
        roles=tuple(_text(role["name"]) for role in token.get("roles") or ()),
        is_admin_project=bool(token.get("is_admin_project", True)),
        services=frozenset(service.get("type") or "" for service in token.get("catalog") or ()),
        access_rules=_access_rules(token.get("application_credential") or {}),
    )


def _access_rules(credential: Mapping[str, Any]) -> tuple[AccessRule, ...] | None:
    rules = credential.get("access_rules")
    if rules is None:
        return None
    return tuple(AccessRule(rule["service"], rule["method"], rule["path"]) for rule in rules)


def _id(thing: Mapping[str, Any] | None) -> str | None:
    return thing.get("id") if thing else None


def _text(value: Any) -> str:
    """Return a text. Raises ValueError for anything else, and for none."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"{value!r} is no name")
    return value
