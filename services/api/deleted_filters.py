"""What a list of deleted images is asked for (IMG-742)."""

from collections.abc import Sequence
from dataclasses import dataclass

from glimpse import settings
from glimpse.errors import Invalid
from schemas.vocabulary import GONE
from services.api import filters

TAKEN = ("limit", "marker", "name", "owner", "status")


@dataclass(frozen=True, slots=True)
class WantedDeleted:
    """A page of deleted images that somebody wants."""

    limit: int
    marker: str | None = None
    name: str | None = None
    owner: str | None = None
    status: str | None = None


def wanted(query: Sequence[tuple[str, str]], rules: settings.Api) -> WantedDeleted:
    """Read a query string. Raises Invalid for what makes no sense."""
    last = dict(query)
    unknown = [name for name in last if name not in TAKEN]
    if unknown:
        raise Invalid(f"deleted images can not be asked for by {unknown[0]}; there are {', '.join(TAKEN)}")
    if last.get("status") not in (None, *GONE):
        raise Invalid(f"the status of a deleted image is {' or '.join(sorted(GONE))}, not {last['status']!r}")
    return WantedDeleted(
        filters.page_size(last.get("limit"), rules),
        last.get("marker"),
        last.get("name"),
        last.get("owner"),
        last.get("status"),
    )
