"""Limits on how much one image may have (section 28 of the contract); a negative one is none (IMG-18)."""

from glimpse import settings
from glimpse.errors import TooLarge


def check_tags(count: int, rules: settings.Images) -> None:
    """Raise TooLarge for more tags than an image may have (IMG-632)."""
    _check("tags", count, rules.tag_quota)


def check_properties(count: int, rules: settings.Images) -> None:
    """Raise TooLarge for more custom properties than an image may have (IMG-631)."""
    _check("properties", count, rules.property_quota)


def check_members(count: int, rules: settings.Images) -> None:
    """Raise TooLarge for more members than an image may have (IMG-630)."""
    _check("members", count, rules.member_quota)


def _check(what: str, count: int, quota: int) -> None:
    if 0 <= quota < count:
        raise TooLarge(f"The limit has been exceeded on the number of allowed image {what}: {count} of at most {quota}")
