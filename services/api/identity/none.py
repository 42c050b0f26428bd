"""Mode `none`: nobody is asked, and everybody is the administrator (AC-43)."""

from aiohttp import web

from glimpse import settings
from services.api.caller import Caller
from services.api.identity import callers

ROLES = frozenset({"admin", "member", "reader"})
"""What everybody is where nobody is asked who they are."""


class Everybody:
    """Everybody is one and the same; tokens and identity headers mean nothing."""

    challenge = ""

    def __init__(self, rules: settings.Auth) -> None:
        self._user, self._project = rules.none_user, rules.none_project

    async def identify(self, _request: web.BaseRequest, request_id: str) -> Caller:
        """Return the administrator."""
        return callers.caller(request_id, self._user, self._project, ROLES)

    async def look(self) -> None:
        """There is nobody to ask."""
