"""What a list is asked for: filters, order and page, read from the query string (section 10 of the contract)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from glimpse import settings
from glimpse.errors import Invalid
from schemas.vocabulary import MemberStatus, Visibility

TEXTS = frozenset({"name", "id", "status", "container_format", "disk_format"})
TIMES = frozenset({"created_at", "updated_at"})
NUMBERS = frozenset({"size", "virtual_size", "min_disk", "min_ram"})
PLAIN = frozenset({"checksum", "os_hash_value", "os_hash_algo", "owner"})
RANGES = frozenset(f"{name}_{end}" for name in NUMBERS for end in ("min", "max"))
NO_FILTERS = frozenset({"properties", "locations", "members", "tags"})
SORT_KEYS = ("name", "status", "container_format", "disk_format", "size", "id", "created_at", "updated_at")
DIRECTIONS = ("asc", "desc")
COMPARISONS = {"eq": "=", "neq": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
IS_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?")
BIGGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column against a value; `any` compares with each of a list."""

    column: str
    operator: str
    value: Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page of images that somebody wants."""

    limit: int
    marker: str | None = None
    sort: tuple[tuple[str, str], ...] = (("created_at", "desc"), ("id", "desc"))
    visibility: str | None = None
    member_status: str = MemberStatus.ACCEPTED
    os_hidden: bool = False
    tags: tuple[str, ...] = ()
    properties: dict[str, str] = field(default_factory=dict)
    comparisons: tuple[Comparison, ...] = ()
    is_impossible: bool = False
    """Asks for what no image can have, so that there is nothing to look for."""


def wanted(query: Sequence[tuple[str, str]], rules: settings.Api) -> Wanted:
    """Read a query string. Raises Invalid for what makes no sense."""
    last = dict(query)  # of repeated ones the last counts (IMG-305)
    if last.pop("changes-since", ""):
        raise Invalid("changes-since is not offered: use updated_at=gte:...")
    last.pop("deleted", None)  # overwritten: deleted images are never listed (IMG-286)
    sort = _sort(query)
    for name in ("sort", "sort_key", "sort_dir"):
        last.pop(name, None)
    limit = page_size(last.pop("limit", None), rules)
    marker = last.pop("marker", None)
    tags = tuple(value for name, value in query if name == "tag")
    last.pop("tag", None)
    visibility = last.pop("visibility", None)
    member_status = _member_status(last.pop("member_status", None))
    os_hidden = _hidden(last.pop("os_hidden", None))
    comparisons: list[Comparison] = []
    properties: dict[str, str] = {}
    impossible = visibility == ""
    for name, value in last.items():
        if name in NO_FILTERS or (name.endswith(("_min", "_max")) and name not in RANGES):
            raise Invalid(f"images can not be filtered by {name}")
        compared = _comparison(name, value)
        if compared is not None:
            comparisons.append(compared)
        elif name in NUMBERS:
            impossible = True  # a number that is none: no image has it (IMG-295)
        else:
            properties[name] = value
    return Wanted(
        limit=limit,
        marker=marker,
        sort=sort,
        visibility=_visibility(visibility),
        member_status=member_status,
        os_hidden=os_hidden,
        tags=tags,
        properties=properties,
        comparisons=tuple(comparisons),
        is_impossible=impossible,
    )


def _comparison(name: str, value: str) -> Comparison | None:
    """Return what a filter on a column asks; None for a custom property, or a number that is none."""
    if name in TEXTS:
        return _text(name, value)
    if name in TIMES:
        return _time(name, value)
    if name in RANGES:
        column, end = name.rsplit("_", 1)
        return Comparison(column, ">=" if end == "min" else "<=", _bounded(_integer(name, value)))
    if name == "protected":
        if value not in ("true", "false"):
            raise Invalid("protected is true or false")
        return Comparison(name, "=", value == "true")
    if name in NUMBERS:
        return Comparison(name, "=", int(value)) if re.fullmatch(r"-?\d{1,18}", value, re.ASCII) else None
    if name in PLAIN:
        return Comparison(name, "=", value)
    return None


def _text(name: str, value: str) -> Comparison:
    operator, colon, operand = value.partition(":")
    if not colon or IS_TIME.fullmatch(value):
        return Comparison(name, "=", value)
    if operator == "eq":
        return Comparison(name, "=", operand)
    if operator == "in":
        return Comparison(name, "any", listed(operand))
    raise Invalid(f"{name} takes the operators eq and in, not {operator!r}; for a text with a colon write eq:...")


def listed(text: str) -> list[str]:
    """Split the values of `in:`; one with a comma stands in double quotes (IMG-308). Raises Invalid."""
    values, at = [], 0
    while at <= len(text):
        if text[at : at + 1] == '"':
            match = re.compile(r'"((?:[^"\\]|\\.)*)"(?=,|$)').match(text, at)
            if match is None:
                raise Invalid("a double quote in the list is not closed, or something follows it")
            values.append(re.sub(r"\\(.)", r"\1", match.group(1)))
            at = match.end() + 1
        else:
            end = text.find(",", at)
            end = len(text) if end < 0 else end
            values.append(text[at:end])
            if '"' in values[-1]:
                raise Invalid("a double quote stands inside a value: put the whole value in quotes")
            at = end + 1
    return values


def _time(name: str, value: str) -> Comparison:
    operator, colon, operand = value.partition(":")
    if not colon or operator not in COMPARISONS:
        operator, operand = "eq", value
    return Comparison(name, COMPARISONS[operator], moment(name, operand))


def moment(name: str, text: str) -> datetime:
    """Read a time; without an offset it is one of UTC (IMG-310). Raises Invalid."""
    try:
        read = datetime.fromisoformat(text)
        return read.astimezone(UTC) if read.tzinfo else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise Invalid(f"{name}: {text!r} is no time; write it as 2026-01-31T12:00:00Z") from None


def _sort(query: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    keys = [value for name, value in query if name == "sort_key"]
    directions = [value for name, value in query if name == "sort_dir"]
    newer = [value for name, value in query if name == "sort"]
    if newer and (keys or directions):
        raise Invalid("sort can not be used together with sort_key or sort_dir")
    if newer:
        pairs = [_pair(item) for item in newer[-1].split(",")]
    else:
        for direction in directions:
            check_direction(direction)
        if len(directions) > 1 and len(directions) != len(keys or ["created_at"]):
            raise Invalid("there must be one sort_dir for all, or one for each sort_key")
        keys = keys or ["created_at"]
        spread = directions if len(directions) > 1 else (directions or ["desc"]) * len(keys)
        pairs = list(zip(keys, spread, strict=True))
    for key, _direction in pairs:
        if key not in SORT_KEYS:
            raise Invalid(f"images can not be sorted by {key!r}; by {', '.join(SORT_KEYS)}")
    rest = directions[0] if len(directions) == 1 else "desc"
    order: dict[str, str] = {}
    for key, direction in (*pairs, ("created_at", rest), ("id", rest)):
        order.setdefault(key, direction)  # named twice, the first counts
        if key == "id":  # what follows it can not matter
            break
    return tuple(order.items())


def _pair(item: str) -> tuple[str, str]:
    key, colon, direction = item.partition(":")
    if not colon:
        return key, "desc"
    check_direction(direction)
    return key, direction


def check_direction(direction: str) -> None:
    """Raise Invalid for what is no way to sort."""
    if direction not in DIRECTIONS:
        raise Invalid(f"{direction!r} is no direction: asc or desc")


def page_size(text: str | None, rules: settings.Api) -> int:
    """Return how many a page shows. Raises Invalid (IMG-287)."""
    if text is None:
        return min(rules.limit_param_default, rules.api_limit_max)
    limit = _integer("limit", text)
    if limit < 0:
        raise Invalid("limit must not be negative")
    return min(limit, rules.api_limit_max)


def _integer(name: str, text: str) -> int:
    if not re.fullmatch(r"\s*[-+]?\d{1,4000}\s*", text, re.ASCII):
        raise Invalid(f"{name} is {text!r}, but a whole number is due")
    return int(text)


def _bounded(number: int) -> int:
    return max(-BIGGEST, min(number, BIGGEST))


def _visibility(text: str | None) -> str | None:
    if text in (None, "", "all", *Visibility):
        return text or None
    raise Invalid(f"visibility is one of {', '.join(Visibility)} or all, not {text!r}")


def _member_status(text: str | None) -> str:
    if text is None:
        return MemberStatus.ACCEPTED
    if text not in ("all", *MemberStatus):
        raise Invalid(f"member_status is one of {', '.join(MemberStatus)} or all, not {text!r}")
    return text


def _hidden(text: str | None) -> bool:
    if text is None:
        return False
    if text.lower() not in ("true", "false"):
        raise Invalid("os_hidden is true or false")
    return text.lower() == "true"
