"""Ask the rules, and say no in the way that tells a stranger nothing (AC-12)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from glimpse.errors import Forbidden, NotFound
from glimpse.image import ImageRow
from schemas.vocabulary import Visibility
from services.api.caller import Caller
from services.api.policy import checks, rules
from services.api.policy.checks import Attributes, Check

NOT_FOUND = "The resource could not be found."


@dataclass(frozen=True, slots=True)
class Seen:
    """An image that a caller can see, and whether that is because it is shared with the caller's project (AC-3)."""

    image: ImageRow
    caller: Caller
    is_member: bool = False
    copies: Mapping[str, str] = field(default_factory=dict)
    """The keys of its copies by store, where that is shown (IMG-14)."""

    def get(self, name: str, /) -> Any:
        """Return what a rule asks for by name."""
        match name:
            case "project_id" | "owner":
                return self.image.owner
            case "member_id":
                return self.caller.project if self.is_member else None
            case "image_id":
                return self.image.id
            case "locations":
                return None
        if name in self.image.properties:
            return self.image.properties[name]
        return getattr(self.image, name, None)


class Policy:
    """The rules in force."""

    def __init__(self, compiled: Mapping[str, Check]) -> None:
        self._compiled = compiled

    @classmethod
    def load(cls) -> Self:
        """Compile the built-in rules."""
        return cls(checks.compiled(rules.DEFAULTS))

    def known(self, caller: Caller) -> Caller:
        """Return a caller of whom it is known whether they are an administrator (AC-7)."""
        is_admin = self._compiled["context_is_admin"](caller.credentials, {})
        return replace(caller, is_admin=True) if is_admin else caller

    def allows(self, caller: Caller, rule: str, target: Attributes) -> bool:
        """Say whether a caller may do what a rule is about to a target."""
        if caller.is_scoped_elsewhere and rule not in rules.BASE:
            return False
        check = self._compiled.get(rule)
        return check is not None and check(caller.credentials, target)

    def require(self, rule: str, seen: Seen) -> None:
        """Raise unless the caller may do this to an image: NotFound where they may not even see it, else Forbidden."""
        if self.allows(seen.caller, rule, seen):
            return
        if rule == "get_image" or not self.allows(seen.caller, "get_image", seen):
            raise NotFound(NOT_FOUND)
        raise Forbidden(f"You are not authorized to complete {rule} action.")

    def require_plainly(self, caller: Caller, rule: str, target: Attributes) -> None:
        """Raise Forbidden unless the caller may do this: for what needs no image, or hides none."""
        if not self.allows(caller, rule, target):
            raise Forbidden(f"You are not authorized to complete {rule} action.")


def sees(caller: Caller, image: ImageRow, *, is_member: bool) -> bool:
    """Say whether storage shows an image to a caller, before any rule is asked (IMG-110, AC-15)."""
    return (
        caller.is_admin
        or image.owner is None
        or image.visibility in (Visibility.PUBLIC, Visibility.COMMUNITY)
        or (caller.project is not None and image.owner == caller.project)
        or (is_member and image.visibility is Visibility.SHARED)
    )
