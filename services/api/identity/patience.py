"""How long an identity service that does not answer is left alone, so that nobody waits for it in vain."""

import math
import time

import structlog

from glimpse.errors import Unavailable

log = structlog.get_logger()

LONGEST_SECONDS = 30.0


class Patience:
    """After a failure nobody asks for a while, longer with each; then one asks, and the others hear of it."""

    def __init__(self, probe_seconds: float) -> None:
        self._probe_seconds = probe_seconds
        self._failures = 0
        self._failed_at = 0.0
        self._not_before = 0.0

    def began(self) -> float:
        """Return when somebody begins to ask. Raises Unavailable while nobody is to; after it, one asks for all."""
        now = time.monotonic()
        if self._failures:
            if now < self._not_before:
                raise self._refusal("it did not answer a moment ago")
            self._not_before = now + self._probe_seconds
        return now

    def may_begin(self) -> bool:
        """Say whether anybody is to ask now."""
        return not self._failures or time.monotonic() >= self._not_before

    def require_still(self, began: float) -> None:
        """Raise Unavailable if somebody else has failed since: who waited for them need not find out again."""
        if self._failures and began < self._failed_at:
            raise self._refusal("somebody else has just asked in vain")

    def failed(self, began: float, reason: str) -> Unavailable:
        """Begin, or lengthen, the pause; returns the refusal."""
        if not self._failures or began >= self._failed_at:  # of many who asked at once, the first one tells
            now = time.monotonic()
            self._failures += 1
            pause = min(2.0 ** (self._failures - 1), LONGEST_SECONDS)
            self._failed_at, self._not_before = now, now + pause
            log.warning("identity does not answer", reason=reason, failures=self._failures, pause_seconds=pause)
        return self._refusal(reason)

    def answered(self) -> None:
        """End the pause."""
        if self._failures:
            log.info("identity answers again", failures=self._failures)
        self._failures = 0

    def _refusal(self, reason: str) -> Unavailable:
        left = max(1, math.ceil(self._not_before - time.monotonic()))
        return Unavailable(f"the identity service can not be asked: {reason}", retry_seconds=left)
