"""What a list of tasks is asked for (section 25 of the contract); what is no column of a task is ignored (IMG-582)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from glimpse import settings
from glimpse.errors import Invalid
from schemas.images import UUID
from schemas.vocabulary import TaskStatus, TaskType
from services.api import filters

TEXTS = ("id", "type", "status", "owner", "image_id", "request_id", "user_id", "message")
TIMES = ("created_at", "updated_at", "expires_at")
SORT_KEYS = (*TEXTS, *TIMES, "deleted_at", "deleted")
"""The last two say the same of every task that is shown."""


@dataclass(frozen=True, slots=True)
class WantedTasks:
    """A page of tasks that somebody wants."""

    limit: int
    marker: str | None = None
    sort_key: str = "created_at"
    sort_dir: str = "desc"
    columns: dict[str, str] = field(default_factory=dict)
    """What columns must be, as text."""


def wanted(query: Sequence[tuple[str, str]], rules: settings.Api) -> WantedTasks:
    """Read a query string. Raises Invalid for what makes no sense (IMG-590)."""
    last = dict(query)
    sort_key, sort_dir = last.get("sort_key", "created_at"), last.get("sort_dir", "desc")
    if sort_key not in SORT_KEYS:
        raise Invalid(f"tasks can not be sorted by {sort_key!r}; by {', '.join(SORT_KEYS)}")
    filters.check_direction(sort_dir)
    marker = last.get("marker")
    if marker is not None and not re.fullmatch(UUID, marker):
        raise Invalid(f"the marker {marker!r} is no UUID")
    if last.get("type", TaskType.IMPORT) != TaskType.IMPORT:
        raise Invalid(f"tasks can be filtered by the type {TaskType.IMPORT} only, not {last['type']!r}")
    if "status" in last and last["status"] not in list(TaskStatus):
        raise Invalid(f"the status of a task is {', '.join(TaskStatus)}, not {last['status']!r}")
    columns = {name: last[name] for name in TEXTS if name in last}
    columns |= {name: _moment(name, last[name]) for name in TIMES if name in last}
    return WantedTasks(filters.page_size(last.get("limit"), rules), marker, sort_key, sort_dir, columns)


def _moment(name: str, text: str) -> str:
    """Write a time as the statement compares it."""
    return filters.moment(name, text).replace(tzinfo=None).isoformat(timespec="microseconds")
