"""Who is asking, as far as rules, owners and events need to know."""

from dataclasses import dataclass, field
from typing import Any

from glimpse.database.pool import Actor


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody whose request is answered."""

    request_id: str
    user: str | None = None
    project: str | None = None
    roles: frozenset[str] = frozenset()
    """In lower case (IMG-107)."""
    service_roles: frozenset[str] = frozenset()
    """Roles of the service that sent the request for somebody; no rule of the policy sees them (AC-2, AC-69)."""
    is_admin: bool = False
    is_read_only: bool = False
    """Nobody in particular, who may look at what is open to all (AC-42)."""
    is_scoped_elsewhere: bool = False
    """Has a system or a domain for its scope, and no project: every rule of the API denies (AC-4)."""
    token: str | None = field(default=None, repr=False)
    """What they were identified by, to ask others in their name with (OP-101)."""
    credentials: dict[str, Any] = field(default_factory=dict, repr=False)
    """What rules can ask about (AC-2)."""

    @property
    def actor(self) -> Actor:
        """Who did it, as events tell."""
        return Actor(user=self.user, project=self.project, request_id=self.request_id, service="api")
