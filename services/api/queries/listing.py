"""The image list: the one composed statement. What a caller may see has several arms, and each is a scan of its own.

Every arm walks an index in the order of the page and stops at the page's end; the arms exclude each other, so that
merging them needs no DISTINCT. Only names from closed mappings become part of the text; values are parameters.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from glimpse.database.pool import Reader
from schemas.vocabulary import Visibility
from services.api.caller import Caller
from services.api.filters import NUMBERS, Wanted

COLUMNS = """id, name, owner, status, visibility, protected, os_hidden, container_format, disk_format, min_disk,
       min_ram, size, virtual_size, checksum, os_hash_algo, os_hash_value, properties, service_properties,
       tags, stores, version, created_at, updated_at"""

SORTED_BY = {
    "name": "coalesce(name, '')",
    "status": "status",
    "container_format": "coalesce(container_format, '')",
    "disk_format": "coalesce(disk_format, '')",
    "size": "coalesce(size, 0)",
    "id": "id",
    "created_at": "created_at",
    "updated_at": "updated_at",
}
"""What nulls are sorted as, too (IMG-315)."""

NULLS = {"name": "", "container_format": "", "disk_format": "", "size": 0}
FILTERED = frozenset(
    {
        "name",
        "id",
        "status",
        "container_format",
        "disk_format",
        "created_at",
        "updated_at",
        "size",
        "virtual_size",
        "min_disk",
        "min_ram",
        "checksum",
        "os_hash_value",
        "os_hash_algo",
        "owner",
        "protected",
    }
)
OPERATORS = frozenset({"=", "<>", "<", "<=", ">", ">="})
SERVICE_PREFIXES = ("os_glance", "os_glimpse")


@dataclass
class _Text:
    """A statement that grows, and its parameters."""

    parameters: list[Any] = field(default_factory=list)

    def bind(self, value: Any) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}"


async def list_page(reader: Reader, caller: Caller, wanted: Wanted, after: dict[str, Any] | None) -> Sequence[Any]:
    """Return the rows of one page; `after` holds the sort columns of the marker. With `is_member` for the policy."""
    text = _Text()
    filters = _filters(text, wanted)
    if after is not None:
        filters.append(_past(text, wanted.sort, after))
    order = ", ".join(f"{SORTED_BY[key]} {direction}" for key, direction in wanted.sort)
    limit = text.bind(wanted.limit)
    arms = [
        f"(SELECT {COLUMNS}, {is_member} AS is_member FROM images WHERE {' AND '.join([condition, *filters])}"
        f" ORDER BY {order} LIMIT {limit})"
        for condition, is_member in _arms(text, caller, wanted)
    ]
    if not arms:
        return []
    if len(arms) == 1:
        return await reader.fetch(arms[0], *text.parameters)
    statement = f"SELECT {COLUMNS}, is_member FROM ({' UNION ALL '.join(arms)}) AS seen ORDER BY {order} LIMIT {limit}"
    return await reader.fetch(statement, *text.parameters)


def _arms(text: _Text, caller: Caller, wanted: Wanted) -> list[tuple[str, str]]:
    """Return the ways in which a caller comes to see an image, with whether that is by membership (IMG-281 to 284)."""
    if caller.is_admin:
        return _admin_arms(text, caller, wanted)
    visibility = wanted.visibility
    arms = []
    mine = None
    if caller.project is not None:
        mine = text.bind(caller.project)
        only = "" if visibility in (None, "all") else f" AND visibility = {text.bind(visibility)}"
        arms.append((f"owner = {mine}{only}", "false"))
    others = f"owner IS DISTINCT FROM {mine}" if mine else "true"
    if visibility in (None, "all", Visibility.PUBLIC):
        arms.append((f"visibility = 'public' AND {others}", "false"))
    if visibility in ("all", Visibility.COMMUNITY):
        arms.append((f"visibility = 'community' AND {others}", "false"))
    if visibility in (None, "all", Visibility.SHARED) and mine:
        status = "" if wanted.member_status == "all" else f" AND status = {text.bind(wanted.member_status)}"
        shared = f"id IN (SELECT image_id FROM members WHERE member = {mine}{status})"
        arms.append((f"visibility = 'shared' AND {others} AND {shared}", "true"))
    return arms


def _admin_arms(text: _Text, caller: Caller, wanted: Wanted) -> list[tuple[str, str]]:
    """Everything, but for other projects' community images unless those are asked for (IMG-284)."""
    if wanted.visibility == "all":
        return [("true", "false")]
    if wanted.visibility is not None:
        return [(f"visibility = {text.bind(wanted.visibility)}", "false")]
    if caller.project is None:
        return [("visibility <> 'community'", "false")]
    return [(f"(visibility <> 'community' OR owner = {text.bind(caller.project)})", "false")]


def _filters(text: _Text, wanted: Wanted) -> list[str]:
    found = ["status NOT IN ('pending_delete', 'deleted')", "status <> 'killed'"]
    found.append("os_hidden" if wanted.os_hidden else "NOT os_hidden")
    for comparison in wanted.comparisons:
        assert comparison.column in FILTERED, comparison.column
        if comparison.operator == "any":
            found.append(f"{comparison.column} = ANY({text.bind(comparison.value)})")
        else:
            assert comparison.operator in OPERATORS, comparison.operator
            value = text.bind(comparison.value) + ("::bigint" if comparison.column in NUMBERS else "")  # of any size
            found.append(f"{comparison.column} {comparison.operator} {value}")
    if wanted.tags:
        found.append(f"tags @> {text.bind(list(wanted.tags))}")
    custom = {name: value for name, value in wanted.properties.items() if not name.startswith(SERVICE_PREFIXES)}
    if custom:
        found.append(f"properties @> {text.bind(custom)}")
    if custom.keys() != wanted.properties.keys():
        service = {name: value for name, value in wanted.properties.items() if name not in custom}
        found.append(f"service_properties @> {text.bind(service)}")
    return found


def _past(text: _Text, sort: Sequence[tuple[str, str]], after: dict[str, Any]) -> str:
    """Return the condition for what comes after the marker: a row comparison where all keys go the same way."""
    values = [text.bind(NULLS.get(key) if after[key] is None else after[key]) for key, _ in sort]
    keys = [SORTED_BY[key] for key, _ in sort]
    directions = {direction for _, direction in sort}
    if len(directions) == 1:
        sign = ">" if directions == {"asc"} else "<"
        return f"({', '.join(keys)}) {sign} ({', '.join(values)})"
    steps = []
    for at, (_, direction) in enumerate(sort):
        same = [f"{keys[before]} = {values[before]}" for before in range(at)]
        steps.append(" AND ".join([*same, f"{keys[at]} {'>' if direction == 'asc' else '<'} {values[at]}"]))
    return f"({' OR '.join(f'({step})' for step in steps)})"
