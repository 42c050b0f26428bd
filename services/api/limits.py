"""Limits on what one image may have: how much of it (section 28 of the contract), and what the database can keep."""

from typing import Any

from glimpse import settings
from glimpse.errors import Invalid, TooLarge
from schemas.images import AMOUNTS, LARGEST_INT, is_too_wide


def check_tags(count: int, rules: settings.Images) -> None:
    """Raise TooLarge for more tags than an image may have (IMG-632)."""
    _check("tags", count, rules.tag_quota)


def check_properties(count: int, rules: settings.Images) -> None:
    """Raise TooLarge for more custom properties than an image may have (IMG-631)."""
    _check("properties", count, rules.property_quota)


def check_members(count: int, rules: settings.Images) -> None:
    """Raise TooLarge for more members than an image may have (IMG-630)."""
    _check("members", count, rules.member_quota)


def check_locations(count: int, rules: settings.Images) -> None:
    """Raise TooLarge for more locations than an image may have (IMG-633)."""
    _check("locations", count, rules.location_quota)


def check_characters(value: Any) -> None:
    """Raise Invalid for a text, or a JSON value with one in it, that can not be kept (IMG-93, IMG-95)."""
    if is_too_wide(value):
        raise Invalid("characters above U+FFFF, and U+0000, can not be kept: leave them out")


def check_amount(name: str, value: Any) -> None:
    """Raise Invalid for a base field whose number is out of its range (IMG-264, IMG-349)."""
    if name in AMOUNTS and not 0 <= value <= LARGEST_INT:
        raise Invalid(f"{name} is a number from 0 to {LARGEST_INT}, not {value}")


def _check(what: str, count: int, quota: int) -> None:
    if 0 <= quota < count:  # a negative quota is none (IMG-18)
        raise TooLarge(f"The limit has been exceeded on the number of allowed image {what}: {count} of at most {quota}")
