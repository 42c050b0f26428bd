"""Callers are whom the identity service says that their tokens are of (AC-60)."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web

from glimpse import settings
from services.api.caller import Caller
from services.api.identity import callers, challenges
from services.api.identity.keystone import service
from services.api.identity.keystone.known import Known
from services.api.identity.keystone.tokens import Token


@contextlib.asynccontextmanager
async def opened(rules: settings.Auth) -> AsyncIterator["Keystone"]:
    """Open what is needed to ask the identity service, which need not be there yet."""
    async with service.opened(rules) as asked:
        known = Known(asked, rules.keystone_cache_seconds, rules.keystone_cache_tokens)
        try:
            yield Keystone(rules, known)
        finally:
            await known.close()


class Keystone:
    """Callers show tokens, and services that ask for them theirs, too."""

    def __init__(self, rules: settings.Auth, known: Known) -> None:
        self._rules, self._known = rules, known
        self._service_roles = frozenset(rules.service_token_roles)
        self.challenge = challenges.keystone(rules)

    async def identify(self, request: web.BaseRequest, request_id: str) -> Caller:
        """Return who asks. A service token that is worth nothing only adds nothing (AC-60)."""
        text = callers.token_of(request)
        of_service = await self._of_service(request.headers.get("X-Service-Token", "").strip())
        is_trusted = of_service is not None and not self._service_roles.isdisjoint(of_service.roles)
        token = await self._known.token(text, allow_expired=is_trusted)
        if token is None or not self._may_be_used(token, request, by_service=is_trusted):
            raise callers.unknown()
        if of_service is not None and self._rules.service_token_roles_required and not is_trusted:
            of_service = None
        return callers.shown(_caller(request_id, token, of_service), text)

    async def look(self) -> None:
        """Raise Unavailable unless the identity service is there, and lets us ask."""
        await self._known.look()

    async def _of_service(self, text: str) -> Token | None:
        return await self._known.token(text) if callers.is_token(text) else None

    def _may_be_used(self, token: Token, request: web.BaseRequest, *, by_service: bool) -> bool:
        """Say whether a token is good for this request: some are for certain calls only (AC-67)."""
        kind = self._rules.keystone_service_type
        if token.access_rules is None:
            return True
        if kind not in token.services:
            return False
        path = request.rel_url.raw_path
        return by_service or any(rule.allows(kind, request.method, path) for rule in token.access_rules)


def _caller(request_id: str, token: Token, of_service: Token | None) -> Caller:
    """Return a caller; the scope of the service counts for nothing (AC-40)."""
    more: dict[str, Any] = {
        "user_domain_id": token.user_domain,
        "project_domain_id": token.project_domain,
        "domain_id": token.domain,
        "system_scope": token.system_scope,
        "is_admin_project": token.is_admin_project,
        "service_user_id": of_service and of_service.user,
        "service_user_domain_id": of_service and of_service.user_domain,
        "service_project_id": of_service and of_service.project,
        "service_project_domain_id": of_service and of_service.project_domain,
    }
    roles = of_service.roles if of_service else ()
    return callers.caller(request_id, token.user, token.project, token.roles, roles, **more)
