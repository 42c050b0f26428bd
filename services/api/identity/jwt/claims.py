"""Which claims of a token say what: user, project and roles, where the provider puts them."""

from collections.abc import Mapping
from typing import Any

from glimpse import settings
from services.api.caller import Caller
from services.api.identity import callers


def caller(claims: Mapping[str, Any], rules: settings.Auth, request_id: str) -> Caller:
    """Return who asks. Raises Unauthenticated for a token of nobody, or with claims that are no texts."""
    user, project = (_text(claims, name) for name in (rules.jwt_user_claim, rules.jwt_project_claim))
    if user is None:
        raise callers.unknown()
    prefix = rules.jwt_roles_prefix
    roles = [role.removeprefix(prefix) for role in _list(claims, rules.jwt_roles_claim) if role.startswith(prefix)]
    return callers.caller(request_id, user, project, roles)


def found(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim by its name, which may have dots in it, or by the way to it, which has dots between names."""
    if name in claims:
        return claims[name]
    first, dot, rest = name.partition(".")
    inner = claims.get(first)
    return found(inner, rest) if dot and isinstance(inner, Mapping) else None


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = found(claims, name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise callers.unknown()
    return value


def _list(claims: Mapping[str, Any], name: str) -> list[str]:
    """Read roles: a list of texts, or one text with blanks or commas between them."""
    value = found(claims, name)
    if isinstance(value, str):
        return value.replace(",", " ").split()
    return [role for role in value if isinstance(role, str) and role] if isinstance(value, list) else []
