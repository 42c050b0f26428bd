"""What a refusal is in HTTP: one table."""

from collections.abc import Mapping
from http import HTTPStatus

from glimpse import errors
from glimpse.errors import GlimpseError

STATUS: dict[type[GlimpseError], int] = {
    errors.Invalid: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Gone: 410,
    errors.TooLarge: 413,
    errors.WrongMediaType: 415,
    errors.WrongFormat: 415,
    errors.BadRange: 416,
    errors.HeaderTooLarge: 431,
    errors.TimedOut: 408,
    errors.Unavailable: 503,
    errors.StoreError: 503,  # IMG-408, IMG-445
    errors.Fenced: 410,  # what it worked on is not its own any more (IMG-410)
}

REASONS = {413: "Request Entity Too Large", 416: "Request Range Not Satisfiable"}
"""Reason phrases that are not those of today's registry (IMG-74)."""

HIDDEN = {
    500: "The server has either erred or is incapable of performing the requested operation.",
    503: "The service, or what it needs, does not answer right now; try again later.",
}
"""Said instead of what the operator alone should read (IMG-75)."""


class Refused(Exception):
    """A status that no refusal of the house stands for, or one that needs header fields."""

    def __init__(self, status: int, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers or {}


def status_of(error: GlimpseError) -> int:
    """Return the status code of a refusal; that of the nearest ancestor which has one."""
    return next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), 500)


def reason_of(status: int) -> str:
    """Return the reason phrase of a status."""
    return REASONS.get(status) or HTTPStatus(status).phrase
