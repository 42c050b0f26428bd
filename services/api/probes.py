"""Whether parts can be reached, each asked once at a time: who asks meanwhile, or right after, shares the answer.

A question to a store that hangs holds a thread until it is answered, and anybody may ask whether we are ready.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from glimpse.errors import GlimpseError

log = structlog.get_logger()

FRESH_SECONDS = 1.0
SILENT = "does not answer"
BROKEN = "broke"


@dataclass(slots=True)
class _Question:
    asked_at: float
    answer: asyncio.Task[str | None]
    answered_at: float | None = None


class Probes:
    """The questions of one process."""

    def __init__(self) -> None:
        self._questions: dict[str, _Question] = {}
        self._reasons: dict[str, str | None] = {}

    async def problem(self, name: str, ask: Callable[[], Awaitable[None]], patience: float) -> str | None:
        """Return what is wrong with a part, in words that everybody may read; None when nothing is.

        A question that is older than `patience`, in seconds, is not waited for; it goes on, and is not asked again.
        """
        now = asyncio.get_running_loop().time()
        question = self._questions.get(name)
        if question is None or (question.answered_at is not None and now - question.answered_at > FRESH_SECONDS):
            question = _Question(now, asyncio.create_task(self._answer(name, ask, patience), name=f"is {name} there"))
            self._questions[name] = question
        await asyncio.wait([question.answer], timeout=max(0.0, question.asked_at + patience - now))
        if not question.answer.done():
            self._write_down(name, _silence(patience))
            return SILENT
        return question.answer.result()

    async def _answer(self, name: str, ask: Callable[[], Awaitable[None]], patience: float) -> str | None:
        try:
            await ask()
        except GlimpseError as error:
            self._write_down(name, error.message)
            return type(error).__name__  # the text has paths and addresses in it; the log has them, too
        except TimeoutError:
            self._write_down(name, _silence(patience))
            return SILENT
        except Exception as error:
            self._write_down(name, repr(error), is_ours=True)
            return BROKEN
        else:
            self._write_down(name, None)
            return None
        finally:
            self._questions[name].answered_at = asyncio.get_running_loop().time()

    def _write_down(self, name: str, reason: str | None, *, is_ours: bool = False) -> None:
        """Say why a part can not be reached when that changes, not at each question."""
        before = self._reasons.get(name)
        self._reasons[name] = reason
        if reason == before:
            return
        if reason is None:
            log.info("ready again", part=name)
        else:
            log.warning("not ready", part=name, reason=reason, exc_info=is_ours)


def _silence(patience: float) -> str:
    return f"no answer for {patience:g} seconds"
