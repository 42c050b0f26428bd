"""The image list: the one composed statement. What a caller may see has several arms, and each is a scan of its own.

Every arm walks an index in the order of the page and stops at the page's end, whoever asks and however many images
there are: none of them has to pass over what others own, hide or keep for themselves. That holds for the orders that
clients use, by time and by name; by status, format, size or id, what one may see is read and sorted. The arms exclude
each other, so that merging them needs no DISTINCT. Only names from closed mappings become part of the text; values are
parameters.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from glimpse.database.pool import Reader
from schemas.vocabulary import MemberStatus, Visibility
from services.api.caller import Caller
from services.api.filters import NUMBERS, Wanted

SORTED_BY = {
    "name": "coalesce(images.name, '')",
    "status": "images.status",
    "container_format": "coalesce(images.container_format, '')",
    "disk_format": "coalesce(images.disk_format, '')",
    "size": "coalesce(images.size, 0)",
    "id": "images.id",
    "created_at": "images.created_at",
    "updated_at": "images.updated_at",
}
"""What nulls are sorted as, too (IMG-315)."""

OF_MEMBERS = SORTED_BY | {"id": "members.image_id", "created_at": "members.image_created_at"}
"""The same values, where the index for images that are shared has them."""

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
    _project: str | None = None

    def bind(self, value: Any) -> str:
        self.parameters.append(value)
        return f"${len(self.parameters)}"

    def project_of(self, caller: Caller) -> str:
        """Bind the caller's project where it is needed first; a parameter that is not needed at all is an error."""
        if self._project is None:
            self._project = self.bind(caller.project)
        return self._project


@dataclass(frozen=True, slots=True)
class _Arm:
    """One of the ways in which a caller comes to see images."""

    condition: str
    is_shared: bool = False
    """By membership: looked for among the members, where an index has them in the order of the page."""


async def list_page(reader: Reader, caller: Caller, wanted: Wanted, after: dict[str, Any] | None) -> Sequence[Any]:
    """Return the rows of one page; `after` holds the sort columns of the marker. With `is_member` for the policy."""
    text = _Text()
    limit = text.bind(wanted.limit)
    filters = _filters(text, wanted)
    values = None if after is None else _values(text, wanted.sort, after)
    arms = [
        _selected(arm, filters, wanted.sort, values, limit)
        for arm in (_admin_arms if caller.is_admin else _arms)(text, caller, wanted)
    ]
    if not arms:
        return []
    statement = arms[0] if len(arms) == 1 else _merged(arms, wanted.sort, limit)
    if wanted.comparisons or wanted.tags or wanted.properties:  # how rare the wanted is decides on the way to it
        return await reader.fetch_planned(statement, *text.parameters)
    return await reader.fetch(statement, *text.parameters)


def _selected(
    arm: _Arm, filters: Sequence[str], sort: Sequence[tuple[str, str]], after: Sequence[str] | None, limit: str
) -> str:
    keys = OF_MEMBERS if arm.is_shared else SORTED_BY
    source = "members JOIN images ON images.id = members.image_id" if arm.is_shared else "images"
    conditions = [arm.condition, *filters, *([_past(sort, keys, after)] if after else [])]
    return f"""
        (SELECT {keys["id"]} AS id, images.name, images.owner, images.status, images.visibility, images.protected,
                images.os_hidden, images.container_format, images.disk_format, images.min_disk, images.min_ram,
                images.size, images.virtual_size, images.checksum, images.os_hash_algo, images.os_hash_value,
                images.properties, images.service_properties, images.tags, images.stores, images.version,
                {keys["created_at"]} AS created_at, images.updated_at, {arm.is_shared} AS is_member
           FROM {source}
          WHERE {" AND ".join(conditions)}
          ORDER BY {_order(sort, keys)}
          LIMIT {limit})"""


def _merged(arms: Sequence[str], sort: Sequence[tuple[str, str]], limit: str) -> str:
    return f"""
        SELECT images.id, images.name, images.owner, images.status, images.visibility, images.protected,
               images.os_hidden, images.container_format, images.disk_format, images.min_disk, images.min_ram,
               images.size, images.virtual_size, images.checksum, images.os_hash_algo, images.os_hash_value,
               images.properties, images.service_properties, images.tags, images.stores, images.version,
               images.created_at, images.updated_at, images.is_member
          FROM ({" UNION ALL ".join(arms)}) AS images
         ORDER BY {_order(sort, SORTED_BY)}
         LIMIT {limit}"""


def _arms(text: _Text, caller: Caller, wanted: Wanted) -> Iterator[_Arm]:
    """Yield the ways in which a caller comes to see an image (IMG-281 to IMG-283)."""
    shown = _asked_for(wanted)
    open_to_all = {Visibility.PUBLIC} | ({Visibility.COMMUNITY} if wanted.visibility is not None else set())
    for visibility in shown:
        if visibility in open_to_all:
            yield _Arm(f"images.visibility = '{visibility}'")
        elif caller.project is not None:
            yield _Arm(f"images.visibility = '{visibility}' AND images.owner = {text.project_of(caller)}")
    if Visibility.SHARED in shown and caller.project is not None:
        for status in MemberStatus if wanted.member_status == "all" else [MemberStatus(wanted.member_status)]:
            mine = text.project_of(caller)
            yield _Arm(
                f"members.member = {mine} AND members.status = '{status}' AND images.visibility = 'shared'"
                f" AND images.owner IS DISTINCT FROM {mine}",
                is_shared=True,
            )


def _admin_arms(text: _Text, caller: Caller, wanted: Wanted) -> Iterator[_Arm]:
    """Yield everything, but for other projects' community images unless those are asked for (IMG-284)."""
    for visibility in _asked_for(wanted):
        if visibility is not Visibility.COMMUNITY or wanted.visibility is not None:
            yield _Arm(f"images.visibility = '{visibility}'")
        elif caller.project is not None:
            yield _Arm(f"images.visibility = '{visibility}' AND images.owner = {text.project_of(caller)}")


def _asked_for(wanted: Wanted) -> list[Visibility]:
    return list(Visibility) if wanted.visibility in (None, "all") else [Visibility(wanted.visibility)]


def _filters(text: _Text, wanted: Wanted) -> list[str]:
    found = ["images.status NOT IN ('killed', 'pending_delete', 'deleted')"]
    found.append("images.os_hidden" if wanted.os_hidden else "NOT images.os_hidden")
    for comparison in wanted.comparisons:
        assert comparison.column in FILTERED, comparison.column
        if comparison.operator == "any":
            found.append(f"images.{comparison.column} = ANY({text.bind(comparison.value)})")
        else:
            assert comparison.operator in OPERATORS, comparison.operator
            value = text.bind(comparison.value) + ("::bigint" if comparison.column in NUMBERS else "")  # of any size
            found.append(f"images.{comparison.column} {comparison.operator} {value}")
    if wanted.tags:
        found.append(f"tag_set(images.tags) @> {text.bind(list(wanted.tags))}")
    custom = {name: value for name, value in wanted.properties.items() if not name.startswith(SERVICE_PREFIXES)}
    if custom:
        found.append(f"images.properties @> {text.bind(custom)}")
    if custom.keys() != wanted.properties.keys():
        service = {name: value for name, value in wanted.properties.items() if name not in custom}
        found.append(f"images.service_properties @> {text.bind(service)}")
    return found


def _order(sort: Sequence[tuple[str, str]], keys: Mapping[str, str]) -> str:
    return ", ".join(f"{keys[key]} {direction}" for key, direction in sort)


def _values(text: _Text, sort: Sequence[tuple[str, str]], after: dict[str, Any]) -> list[str]:
    return [text.bind(NULLS.get(key) if after[key] is None else after[key]) for key, _ in sort]


def _past(sort: Sequence[tuple[str, str]], keys: Mapping[str, str], values: Sequence[str]) -> str:
    """Return the condition for what comes after the marker: a row comparison where all keys go the same way."""
    names = [keys[key] for key, _ in sort]
    directions = {direction for _, direction in sort}
    if len(directions) == 1:
        sign = ">" if directions == {"asc"} else "<"
        return f"({', '.join(names)}) {sign} ({', '.join(values)})"
    steps = []
    for at, (_, direction) in enumerate(sort):
        same = [f"{names[before]} = {values[before]}" for before in range(at)]
        steps.append(" AND ".join([*same, f"{names[at]} {'>' if direction == 'asc' else '<'} {values[at]}"]))
    return f"({' OR '.join(f'({step})' for step in steps)})"
