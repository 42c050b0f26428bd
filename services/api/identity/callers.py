"""Callers as the rules know them, from what any way of knowing who asks has found out (AC-2)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aiohttp import web

from glimpse.errors import Unauthenticated
from services.api.caller import Caller


def unknown() -> Unauthenticated:
    """Return the refusal of somebody of whom nothing is known, in the words that clients have always read (AC-61)."""
    return Unauthenticated("The request you have made requires authentication.")


def anonymous(request_id: str) -> Caller:
    """Return nobody in particular, who may look at what is open to everybody (AC-42)."""
    return replace(caller(request_id, None, None, ()), is_read_only=True)


def caller(
    request_id: str,
    user: str | None,
    project: str | None,
    roles: Iterable[str],
    service_roles: Iterable[str] = (),
    **more: Any,
) -> Caller:
    """Return a caller; `more` are further credentials, as far as they are known."""
    own, of_service = frozenset(role.strip().lower() for role in roles), frozenset(service_roles)
    return Caller(
        request_id=request_id,
        user=user,
        project=project,
        roles=own,
        service_roles=of_service,
        is_scoped_elsewhere=bool(more.get("system_scope") or more.get("domain_id")),
        credentials={
            "user_id": user,
            "user": user,
            "project_id": project,
            "tenant": project,
            "roles": own,
            "service_roles": of_service,
            **more,
        },
    )


def token_of(request: web.BaseRequest) -> str:
    """Return the token that somebody shows, by either name. Raises Unauthenticated where there is none (AC-60)."""
    token = (request.headers.get("X-Auth-Token") or request.headers.get("X-Storage-Token") or "").strip()
    if not is_token(token):
        raise unknown()
    return token


def is_token(text: str) -> bool:
    """Say whether a text can be a token at all: those are of printable ASCII, so that they fit into a header field."""
    return bool(text) and text.isascii() and text.isprintable()
