"""Callers as the rules know them, from what any way of knowing who asks has found out (AC-2)."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from aiohttp import web

from glimpse.errors import Unauthenticated
from services.api.caller import Caller

LONGEST_NAME = 255
"""Of a user or a project: what an owner may have."""


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
    """Return a caller; `more` are further credentials, as far as they are known.

    Raises Unauthenticated for a user or a project that no image could have for its owner.
    """
    if not all(_can_be_kept(name) for name in (user, project) if name is not None):
        raise unknown()
    project = project or None
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


def _can_be_kept(name: str) -> bool:
    return len(name) <= LONGEST_NAME and all("\0" < character <= "\uffff" for character in name)


def token_of(request: web.BaseRequest) -> str:
    """Return the token that somebody shows, by either name. Raises Unauthenticated where there is none (AC-60)."""
    token = said_token(request)
    if not is_token(token):
        raise unknown()
    return token


def said_token(request: web.BaseRequest) -> str:
    """Return what a request says its token is, which may be nothing, or no token."""
    return (request.headers.get("X-Auth-Token") or request.headers.get("X-Storage-Token") or "").strip()


def shown(caller: Caller, token: str) -> Caller:
    """Return a caller who was identified by a token."""
    return replace(caller, token=token)


def is_token(text: str) -> bool:
    """Say whether a text can be a token at all: those are of printable ASCII, so that they fit into a header field."""
    return bool(text) and text.isascii() and text.isprintable()
