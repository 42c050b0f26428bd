"""Every way Glimpse says no.

GlimpseError
├── Invalid               what was sent makes no sense
│   └── SizeMismatch      other bytes arrived than were announced
├── Unauthenticated       nobody knows who is asking
├── Forbidden             it is known who asks, and they may not
├── NotFound              there is no such thing, or not for this caller
├── Conflict              not in the state it is in
│   └── IllegalMove       the lifecycle has no such step
├── Gone                  it was there when the request began
├── TooLarge              over a limit
│   ├── StoreFull         no room where bytes are kept
│   └── OverQuota         more than a project may have
├── WrongMediaType        a type of body that is not taken here
├── WrongFormat           bytes that are not of the format they claim
├── BadRange              a range that the image does not have
├── HeaderTooLarge        a header field over its limit
├── TimedOut              whoever was to send or take bytes did neither for too long
├── Unavailable           something outside does not answer
├── StoreError            a store could not do what it promised
├── TooManyDeadLetters    a group of readers put aside more than it may
├── Stuck                 it should go on, and does not
└── Fenced                somebody else holds the lease now
"""


class GlimpseError(Exception):
    """A refusal, or a failure that somebody outside has to know of; its text says what to do about it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class Invalid(GlimpseError):
    """What was sent makes no sense."""


class SizeMismatch(Invalid):
    """Other bytes arrived than were announced."""


class Unauthenticated(GlimpseError):
    """Nobody knows who is asking."""


class Forbidden(GlimpseError):
    """It is known who asks, and they may not."""


class NotFound(GlimpseError):
    """There is no such thing, or not for this caller."""


class Conflict(GlimpseError):
    """The thing is not in a state in which this can be done."""


class IllegalMove(Conflict):
    """The lifecycle has no such step."""


class Gone(GlimpseError):
    """It was there when the request began, and is not any more."""


class TooLarge(GlimpseError):
    """Over a limit."""


class StoreFull(TooLarge):
    """No room where the bytes are kept."""


class OverQuota(TooLarge):
    """More than a project may have of something."""

    def __init__(self, message: str, *, project: str, resource: str, limit: int) -> None:
        super().__init__(message)
        self.project, self.resource, self.limit = project, resource, limit


class WrongMediaType(GlimpseError):
    """A type of body that is not taken here."""


class WrongFormat(GlimpseError):
    """Bytes that are not of the format they claim, or that are not safe to keep."""


class BadRange(GlimpseError):
    """A range that the image does not have."""


class HeaderTooLarge(GlimpseError):
    """A header field over its limit."""


class TimedOut(GlimpseError):
    """Whoever was to send or take bytes did neither for too long."""


class Unavailable(GlimpseError):
    """Something outside does not answer; the same call may work later."""

    def __init__(self, message: str, *, retry_seconds: int = 5) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class StoreError(GlimpseError):
    """A store could not do what it promised."""


class TooManyDeadLetters(GlimpseError):
    """A group of readers put aside as many events as it may; it stops rather than lose more of them."""


class Stuck(GlimpseError):
    """Something should go on and does not; only a new process helps."""


class Fenced(GlimpseError):
    """Somebody else holds the lease now; whoever hears this stops at once and changes nothing."""
