"""Mode `static`: tokens in a file, by their digests; the file is read again when it changes."""

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import structlog
from aiohttp import web
from pydantic import AwareDatetime, Field, ValidationError

from glimpse import settings
from glimpse.errors import Invalid
from glimpse.settings import Section
from services.api.caller import Caller
from services.api.identity import callers, challenges
from services.api.policy import overrides

log = structlog.get_logger()


class Entry(Section):
    """A token, and whose it is."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    user: str
    project: str | None = None
    roles: tuple[str, ...] = ()
    expires_at: AwareDatetime | None = None


class File(Section):
    """All of them."""

    tokens: tuple[Entry, ...] = ()


@dataclass
class Listed:
    """Callers show tokens that are listed in a file."""

    path: Path
    challenge: str
    entries: Mapping[str, Entry]
    stamp: tuple[int, ...] | None

    async def identify(self, request: web.BaseRequest, request_id: str) -> Caller:
        """Return who asks."""
        self._follow()
        token = callers.token_of(request)
        entry = self.entries.get(digest(token))
        if entry is None or (entry.expires_at is not None and entry.expires_at <= datetime.now(UTC)):
            raise callers.unknown()
        return callers.shown(callers.caller(request_id, entry.user, entry.project, entry.roles), token)

    async def look(self) -> None:
        """There is nobody to ask."""

    def _follow(self) -> None:
        """Take up a file that was changed; one that makes no sense changes nothing."""
        stamp = overrides.stamp(self.path)
        if stamp == self.stamp:
            return
        self.stamp = stamp  # also of a file that can not be read: it is told once
        try:
            self.entries = read(self.path)
        except Invalid as error:
            log.error("the file of tokens was changed, but tokens stay as they were", reason=error.message)
        else:
            log.info("the file of tokens was changed, and is in force", tokens=len(self.entries))


def opened(rules: settings.Auth) -> Listed:
    """Return the tokens that the settings name. Raises Invalid."""
    path = rules.static_file or Path()
    stamp = overrides.stamp(path)
    return Listed(path, challenges.keystone(rules), read(path), stamp)


def digest(token: str) -> str:
    """Return what stands in the file for a token: that is random, so that nobody can guess it from here."""
    return hashlib.sha256(token.encode()).hexdigest()


def read(path: Path) -> dict[str, Entry]:
    """Return the tokens in a file by their digests. Raises Invalid."""
    try:
        found = File.model_validate(tomllib.loads(path.read_text()))
    except OSError as error:
        raise Invalid(f"can not read the file of tokens {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"the file of tokens {path} is not TOML: {error}") from None
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        raise Invalid(f"the file of tokens {path}: {where}: {problem['msg']}") from None
    entries = {entry.sha256: entry for entry in found.tokens}
    if len(entries) != len(found.tokens):
        raise Invalid(f"the file of tokens {path} has a token twice")
    return entries
