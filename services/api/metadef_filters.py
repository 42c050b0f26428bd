"""What lists of metadata definitions are asked for, read from the query string (MD-35, MD-73, MD-83)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from glimpse import settings
from glimpse.errors import Invalid
from schemas.metadefs import VISIBILITIES

NAMESPACE_SORT_KEYS = (
    "namespace",
    "created_at",
    "updated_at",
    "id",
    "owner",
    "display_name",
    "visibility",
    "protected",
    "description",
)
TAG_SORT_KEYS = ("name", "created_at", "updated_at", "id")
MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class NamespacesWanted:
    """A page of namespaces that somebody wants."""

    limit: int
    marker: str | None
    sort_key: str
    sort_dir: str
    visibility: str | None
    resource_types: list[str] | None
    """Associated with at least one of these."""


@dataclass(frozen=True, slots=True)
class TagsWanted:
    """A page of tags that somebody wants; without a limit it has them all."""

    limit: int | None
    marker: str | None
    sort_key: str
    sort_dir: str


def namespaces_wanted(query: Sequence[tuple[str, str]], rules: settings.Api) -> NamespacesWanted:
    """Read the query of a list of namespaces (MD-35). Raises Invalid."""
    last = dict(query)  # of repeated ones the last counts
    limit = _whole(last["limit"]) if "limit" in last else rules.limit_param_default
    if limit < 0:
        raise Invalid("limit param must be positive")
    visibility = last.get("visibility")
    if visibility:
        _check_visibility(visibility, VISIBILITIES)
    types = last.get("resource_types")
    return NamespacesWanted(
        limit=min(limit, rules.api_limit_max),
        marker=last.get("marker") or None,
        sort_key=_sort_key(last, NAMESPACE_SORT_KEYS),
        sort_dir=_sort_dir(last),
        visibility=visibility,
        resource_types=None if types is None else [name for name in types.split(",") if name],
    )


def tags_wanted(query: Sequence[tuple[str, str]]) -> TagsWanted:
    """Read the query of a list of tags (MD-83). Raises Invalid."""
    last = dict(query)
    limit = _whole(last["limit"]) if last.get("limit") else None
    if limit is not None and limit < 0:
        raise Invalid("limit param must be positive")
    _check_child_visibility(last)
    return TagsWanted(
        limit=None if limit is None else min(limit, MOST),
        marker=last.get("marker") or None,
        sort_key=_sort_key(last, TAG_SORT_KEYS),
        sort_dir=_sort_dir(last),
    )


def check_objects(query: Sequence[tuple[str, str]]) -> None:
    """Read the query of a list of objects, which must make sense and has no effect (MD-73). Raises Invalid."""
    last = dict(query)
    if "limit" in last and _whole(last["limit"]) <= 0:
        raise Invalid("limit param must be positive")
    _check_child_visibility(last)
    _sort_dir(last)


def resource_type(query: Sequence[tuple[str, str]]) -> str | None:
    """Return the resource type that something is shown for (MD-40, MD-65), None for none."""
    return dict(query).get("resource_type") or None


def check_show(query: Sequence[tuple[str, str]]) -> None:
    """Raise Invalid for a visibility that there is not (MD-39)."""
    visibility = dict(query).get("visibility")
    if visibility:
        _check_visibility(visibility, VISIBILITIES)


def _whole(text: str) -> int:
    if not re.fullmatch(r"\s*[-+]?\d{1,30}\s*", text, re.ASCII):
        raise Invalid("limit param must be an integer")
    return int(text)


def _sort_key(last: dict[str, str], known: Sequence[str]) -> str:
    key = last.get("sort_key", "created_at")
    if key not in known:
        raise Invalid(f"Invalid sort key: {key}; there are {', '.join(known)}")
    return key


def _sort_dir(last: dict[str, str]) -> str:
    direction = last.get("sort_dir", "desc")
    if direction not in ("asc", "desc"):
        raise Invalid(f"Invalid sort direction: {direction}")
    return direction


def _check_child_visibility(last: dict[str, str]) -> None:
    """Look at a parameter that has no effect (MD-73, MD-83)."""
    if last.get("visibility"):
        _check_visibility(last["visibility"], (*VISIBILITIES, "shared"))


def _check_visibility(visibility: str, known: Sequence[str]) -> None:
    if visibility not in known:
        raise Invalid(f"Invalid visibility value: {visibility}")
