"""Bring a database to the schema this code was written for, or say how far it is.

Alembic orders the revisions and writes down the SQL that is missing; asyncpg runs it in one transaction, under a lock
that lets one process at a time migrate. So there is no second driver, and a failed migration leaves nothing.
"""

import io
import re
from pathlib import Path

import asyncpg

from glimpse.database.failures import OF_THE_DRIVER, reason
from glimpse.errors import Conflict, Unavailable

HEAD = "0006"
"""The revision this code was written for; a test holds it against the files."""

FOLDER = Path(__file__).with_name("migrations")
LOCK = 0x67_6C_69_6D  # any number that is ours


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
    if found == HEAD:
        return
    if found in known():
        raise Conflict(
            f"the database has schema {found or 'none'}, this Glimpse needs {HEAD}: run `glimpse db upgrade`"
        )
    raise Conflict(f"the database has schema {found}, made by a newer Glimpse than this one ({HEAD}): install that one")


async def upgrade(dsn: str) -> bool:
    """Bring a database to HEAD; return whether there was anything to do. Raises Conflict when it is newer."""
    connection = await _connect(dsn)
    try:
        async with connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
            found = await _current(connection)
            if found == HEAD:
                return False
            if found not in known():
                raise Conflict(
                    f"the database has schema {found}, made by a newer Glimpse than this one ({HEAD}): install that one"
                )
            await connection.execute(script(found))
            return True
    except asyncpg.DiskFullError as error:
        raise Unavailable(f"there is no room left for the database: {error}") from error
    finally:
        await connection.close()


def known() -> list[str | None]:
    """Return every revision this code knows of, oldest first, beginning with None: the empty database."""
    found = re.compile(r"^(\d{4})_\w+\.py$")
    names = sorted(path.name for path in (FOLDER / "versions").iterdir())
    return [None, *(match.group(1) for name in names if (match := found.match(name)))]


def prepare() -> None:
    """Load what `script` needs while there is something else to wait for; it takes half a second."""
    import alembic.command  # noqa: F401  # to have it loaded


def script(since: str | None) -> str:
    """Return the SQL that leads from a revision to HEAD."""
    from alembic import command  # only here: half a second that a start without migrations need not pay
    from alembic.config import Config

    output = io.StringIO()
    config = Config(output_buffer=output)
    config.set_main_option("script_location", str(FOLDER))
    config.attributes.update(output=output, current=since)
    command.upgrade(config, f"{since}:{HEAD}" if since else HEAD, sql=True)
    return output.getvalue()


async def _connect(dsn: str) -> "asyncpg.Connection[asyncpg.Record]":
    try:
        return await asyncpg.connect(dsn, timeout=10)
    except (*OF_THE_DRIVER, ValueError) as error:
        raise Unavailable(f"can not reach the database: {reason(error)}") from error


async def _current(connection: "asyncpg.Connection[asyncpg.Record]") -> str | None:
    if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
        return None
    revision: str | None = await connection.fetchval("SELECT version_num FROM alembic_version")
    return revision
