"""Ask the rules, and say no in the way that tells a stranger nothing (AC-12)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

import structlog

from glimpse import settings
from glimpse.database.blobs import Location
from glimpse.errors import Forbidden, Invalid, NotFound
from glimpse.image import ImageRow
from schemas.vocabulary import Visibility
from services.api.caller import Caller
from services.api.policy import checks, overrides, rules
from services.api.policy.checks import Attributes, Check, WrongRule

log = structlog.get_logger()

KEPT = "the policy file was changed, but the rules stay as they were"
NOT_FOUND = "The resource could not be found."

ATTRIBUTES: Mapping[str, Callable[["Seen"], Any]] = {
    "project_id": attrgetter("image.owner"),
    "image_id": attrgetter("image.id"),
    "member_id": lambda seen: seen.caller.project if seen.is_member else None,
    **{
        name: attrgetter(f"image.{name}")
        for name in (
            "id",
            "name",
            "owner",
            "status",
            "visibility",
            "protected",
            "os_hidden",
            "container_format",
            "disk_format",
            "min_disk",
            "min_ram",
            "size",
            "virtual_size",
            "checksum",
            "os_hash_algo",
            "os_hash_value",
            "created_at",
            "updated_at",
            "tags",
        )
    },
}
"""What rules can ask of an image, beside its properties (AC-3)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An image that a caller can see, and whether that is because it is shared with the caller's project (AC-3)."""

    image: ImageRow
    caller: Caller
    is_member: bool = False
    copies: Sequence[Location] = ()
    """Where its bytes are, in a deployment that shows it (IMG-14, IMG-15)."""

    def get(self, name: str, default: Any = None, /) -> Any:
        """Return what a rule asks for by name."""
        attribute = ATTRIBUTES.get(name)
        return attribute(self) if attribute else self.image.properties.get(name, default)


class Policy:
    """The rules in force: the built-in ones, and what the operator's file says instead; Invalid for a bad file."""

    def __init__(self, section: settings.Policy) -> None:
        self._file = section.file
        self._is_new = section.enforce_new_defaults
        self._stamp = overrides.stamp(section.file) if section.file else None
        self.texts: Mapping[str, str] = {}
        """Every rule in force, as it is written."""
        self.said: frozenset[str] = frozenset()
        """Those that are not the built-in ones."""
        self.undefined: Mapping[str, list[str]] = {}
        """Those that refer to rules which do not exist, and to which ones: there they are false."""
        self._compiled = self._read()

    def known(self, caller: Caller) -> Caller:
        """Return a caller of whom it is known whether they are an administrator (AC-7)."""
        self._follow()
        is_admin = self._compiled["context_is_admin"](caller.credentials, {})
        return replace(caller, is_admin=True) if is_admin else caller

    def allows(self, caller: Caller, rule: str, target: Attributes) -> bool:
        """Say whether a caller may do what a rule is about to a target."""
        if caller.is_scoped_elsewhere and rule not in rules.BASE:
            return False
        check = self._compiled.get(rule)
        return check is not None and check(caller.credentials, target)

    def warn(self) -> None:
        """Tell the operator what was hardly meant."""
        for name, missing in self.undefined.items():
            log.warning("a rule refers to one that does not exist, and is false there", rule=name, missing=missing)

    def knows(self, rule: str) -> bool:
        """Say whether there is a rule of this name."""
        return rule in self._compiled

    def require(self, rule: str, seen: Seen) -> None:
        """Raise unless the caller may do this to an image: NotFound where they may not even see it, else Forbidden."""
        if not self.allows(seen.caller, rule, seen):
            if rule == "get_image" or not self.allows(seen.caller, "get_image", seen):
                raise NotFound(NOT_FOUND)
            raise _not_authorized(rule)
        if (
            rule != "get_image"
            and seen.image.owner is None
            and seen.caller.project is None
            and not seen.caller.is_admin
        ):
            raise _not_authorized(rule)  # to the rules nobody's project is nobody's (AC-1); nobody owns it all the same
        self._require_ownership(rule, seen)

    def require_plainly(self, caller: Caller, rule: str, target: Attributes) -> None:
        """Raise Forbidden unless the caller may do this: for what needs no image, or hides none."""
        if not self.allows(caller, rule, target):
            raise _not_authorized(rule)
        if isinstance(target, Seen):
            self._require_ownership(rule, target)

    def _require_ownership(self, rule: str, seen: Seen) -> None:
        """Raise Forbidden where open rules leave it to us to ask whose the image is (AC-16)."""
        if self._is_new or seen.caller.is_admin:
            return
        is_owner = seen.image.owner is not None and seen.image.owner == seen.caller.project
        if rule in rules.OWNERS_BEFORE and not is_owner:
            raise Forbidden("You do not own this image")
        if rule == "modify_member" and not seen.is_member:
            raise Forbidden("Only the member itself says what its status is")

    def _follow(self) -> None:
        """Take up a file that was changed; one that makes no sense changes nothing (AC-5)."""
        if self._file is None:
            return
        stamp = overrides.stamp(self._file)
        if stamp == self._stamp:
            return
        self._stamp = stamp  # also of a file that can not be read: it is told once
        try:
            self._compiled = self._read()
        except Invalid as error:
            log.error(KEPT, reason=error.message)
        except Exception:  # whatever is wrong with a file, requests go on
            log.exception(KEPT)
        else:
            log.info("the policy file was changed, and is in force", file=str(self._file))
            self.warn()

    def _read(self) -> Mapping[str, Check]:
        said = overrides.read(self._file) if self._file else {}
        before = {} if self._is_new else dict.fromkeys(rules.OPEN_BEFORE, "@")
        texts = rules.DEFAULTS | before | said
        try:
            compiled = checks.compiled(texts)
        except WrongRule as error:
            place = f"{overrides.place_of(self._file, error.rule)}: " if self._file else ""
            raise Invalid(f"{place}{error.message}") from None
        self.texts, self.said, self.undefined = texts, frozenset(said), checks.undefined(texts)
        return compiled


def sees(caller: Caller, image: ImageRow, *, is_member: bool) -> bool:
    """Say whether storage shows an image to a caller, before any rule is asked (IMG-110, AC-15)."""
    return (
        caller.is_admin
        or image.owner is None
        or image.visibility in (Visibility.PUBLIC, Visibility.COMMUNITY)
        or (caller.project is not None and image.owner == caller.project)
        or (is_member and image.visibility is Visibility.SHARED)
    )


def _not_authorized(rule: str) -> Forbidden:
    return Forbidden(f"You are not authorized to complete {rule} action.")
