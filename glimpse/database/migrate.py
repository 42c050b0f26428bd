"""Bring a database to the schema this code was written for, or say how far it is.

Alembic orders the revisions and writes down the SQL that is missing; asyncpg runs it in one transaction, under a lock
that lets one process at a time migrate. So there is no second driver, and a failed migration leaves nothing.
"""

import asyncio
import io
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path

import asyncpg

from glimpse.database.failures import OF_THE_DRIVER, unreachable
from glimpse.errors import Conflict, Unavailable

HEAD = "0009"
"""The revision this code was written for; a test holds it against the files."""


class Phase(StrEnum):
    """What a revision is to those who run: new room beside the old, what is in it, and the end of the old (OP-83)."""

    EXPAND = "expand"
    MIGRATE = "migrate"
    CONTRACT = "contract"


ORDER = tuple(Phase)


@dataclass(frozen=True, slots=True)
class Revision:
    """One step of the schema; `phase` is said in its file."""

    id: str
    phase: Phase


FOLDER = Path(__file__).with_name("migrations")
LOCK = 0x67_6C_69_6D  # any number that is ours
LOCK_MILLISECONDS = 2000
"""How long a table that is in use is waited for at a time, and others behind us."""
PAUSE_SECONDS = 0.5
"""How long those others have then."""
PATIENCE = timedelta(minutes=2)


async def current(dsn: str) -> str | None:
    """Return the revision of a database, or None when it is empty. Raises Unavailable."""
    connection = await _connect(dsn)
    try:
        return await _current(connection)
    finally:
        await connection.close()


async def require_head(dsn: str) -> None:
    """Raise Conflict, saying what to do, unless the database has the schema this code was written for."""
    found = await current(dsn)
    if missing(found, revisions()):
        raise Conflict(
            f"the database has schema {found or 'none'}, this Glimpse needs {HEAD}: run `glimpse db upgrade`"
        )


async def upgrade(dsn: str, to: Phase = Phase.CONTRACT, patience: timedelta = PATIENCE) -> bool:
    """Bring a database to HEAD, or as far as a phase goes; return whether there was anything to do.

    A table that is in use is waited for briefly, again and again: others would wait behind us (OP-83).
    Raises Conflict when the database is newer, Unavailable when a table is in use all the time.
    """
    connection = await _connect(dsn)
    deadline = time.monotonic() + patience.total_seconds()
    try:
        while True:
            try:
                return await _upgraded(connection, to)
            except asyncpg.LockNotAvailableError as error:
                if time.monotonic() > deadline:
                    raise Unavailable(
                        f"a table that is to be changed was in use for {patience.total_seconds():g} seconds: "
                        "try again when fewer requests, or no dump, read it"
                    ) from error
            await asyncio.sleep(PAUSE_SECONDS)
    except asyncpg.DiskFullError as error:
        raise Unavailable(f"there is no room left for the database: {error}") from error
    finally:
        await connection.close()


async def _upgraded(connection: "asyncpg.Connection[asyncpg.Record]", to: Phase) -> bool:
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        found = await _current(connection)
        due = up_to(to, missing(found, revisions()))
        if due:
            await connection.execute(f"SET LOCAL lock_timeout = {LOCK_MILLISECONDS}")
            await connection.execute(script(found, due[-1].id))
        return bool(due)


def revisions() -> list[Revision]:
    """Return every revision this code knows of, oldest first."""
    named = re.compile(r"^(\d{4})_\w+\.py$")
    files = sorted(path for path in (FOLDER / "versions").iterdir() if named.match(path.name))
    return [Revision(path.name[:4], _phase(path.read_text())) for path in files]


def missing(found: str | None, known: Sequence[Revision]) -> Sequence[Revision]:
    """Return what a database at a revision lacks, oldest first. Raises Conflict when it is newer."""
    if found is None:
        return known
    ids = [revision.id for revision in known]
    if found not in ids:
        raise Conflict(
            f"the database has schema {found}, made by a newer Glimpse than this one ({HEAD}): install that one"
        )
    return known[ids.index(found) + 1 :]


def up_to(phase: Phase, due: Sequence[Revision]) -> Sequence[Revision]:
    """Return those that come before the first one of a later phase."""
    later = (at for at, revision in enumerate(due) if ORDER.index(revision.phase) > ORDER.index(phase))
    return due[: next(later, len(due))]


def prepare() -> None:
    """Load what `script` needs while there is something else to wait for; it takes half a second."""
    import alembic.command  # noqa: F401  # to have it loaded


def script(since: str | None, to: str) -> str:
    """Return the SQL that leads from one revision to another."""
    from alembic import command  # only here: half a second that a start without migrations need not pay
    from alembic.config import Config

    output = io.StringIO()
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(FOLDER))
    config.attributes.update(output=output, current=since)
    command.upgrade(config, f"{since}:{to}" if since else to, sql=True)
    return output.getvalue()


def _phase(text: str) -> Phase:
    said = re.search(r'^phase = "(\w+)"$', text, re.MULTILINE)
    if said is None:
        raise ValueError("a revision says its phase: expand, migrate or contract")
    return Phase(said[1])


async def _connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        return await asyncpg.connect(dsn, timeout=10)
    except (*OF_THE_DRIVER, ValueError) as error:
        raise Unavailable(unreachable(error)) from error


async def _current(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision
