"""Where facts are kept: the server, the schema, our rights, its clock."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

from glimpse.database import health, migrate
from glimpse.database.pool import Database, Reader
from glimpse.doctor.finding import Finding, failed, ok, warning
from glimpse.errors import Conflict, Unavailable
from glimpse.settings import Settings

PROCESSES = 4
"""That share a server at the very least: two of an API, an importer and a scrubber."""

SKEW = timedelta(seconds=2)
"""From here on what is read in logs and in rows does not fit together any more, and tokens expire at other times."""


async def look(settings: Settings) -> AsyncIterator[Finding]:
    """Say how the database is; what can not be asked because it does not answer is left out."""
    try:
        async with asyncio.timeout(settings.postgres.connect_timeout_seconds + 1):
            database = await Database.open(settings.postgres)
    except Unavailable as error:
        yield failed("database", error.message, "start it, or set postgres.dsn to where it is and who we are there")
        return
    except TimeoutError:
        yield failed("database", "it does not answer", "see that postgres.dsn leads to a Postgres that runs")
        return
    try:
        async with database.reading() as reader:
            found = await health.server(reader)
            yield _server(found, settings)
            yield await _schema(reader, settings, found)
            yield _clock(await health.skew(reader))
    except Unavailable as error:
        yield failed("database", error.message, "see what its log says")
    finally:
        await database.close()


def _server(found: health.Server, settings: Settings) -> Finding:
    text = f"Postgres {found.version}, as {found.user}"
    if found.number // 10_000 < health.OLDEST:
        return failed("database", f"{text}: too old", f"use Postgres {health.OLDEST} or newer")
    if found.is_standby:
        return failed("database", f"{text}: a standby, which takes no changes", "set postgres.dsn to the primary")
    if found.encoding != "UTF8":
        return failed(
            "database", f"{text}: its encoding is {found.encoding}", "make a database with ENCODING 'UTF8' and use that"
        )
    if not found.is_synced:
        return warning(
            "database",
            f"{text}: fsync or full_page_writes is off, so a crash of its machine may lose what was acknowledged",
            "switch both on",
        )
    wanted = settings.postgres.pool_size * PROCESSES
    if found.connections < wanted:
        return warning(
            "database",
            f"{text}: it takes {found.connections} connections, and {PROCESSES} processes of ours may want {wanted}",
            "raise max_connections there, or lower postgres.pool_size",
        )
    return ok("database", text)


async def _schema(reader: Reader, settings: Settings, server: health.Server) -> Finding:
    revision = await migrate.current(settings.postgres.dsn.get_secret_value())
    try:
        due = migrate.missing(revision, migrate.revisions())
    except Conflict as error:
        return failed("schema", f"revision {revision}, which this Glimpse does not know", error.message)
    if due and not server.may_create:
        return failed(
            "schema",
            f"{len(due)} migrations to do, and {server.user} may not make tables",
            f"GRANT CREATE on its schema to {server.user}, or run `glimpse db upgrade` as its owner",
        )
    if due:
        return failed(
            "schema", f"revision {revision or 'none'}: {len(due)} migrations to do", "run `glimpse db upgrade`"
        )
    if missing := await health.missing_rights(reader):
        few = ", ".join(missing[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        return failed("schema", f"{server.user} may not {few}", f"GRANT these rights to {server.user}")
    return ok("schema", f"revision {revision}, all rights")


def _clock(skew: timedelta) -> Finding:
    seconds = abs(skew.total_seconds())
    if abs(skew) > SKEW:
        way = "ahead of" if skew > timedelta(0) else "behind"
        return warning(
            "clock", f"the database is {seconds:.1f} seconds {way} this machine", "synchronise both, with NTP or PTP"
        )
    return ok("clock", f"within {SKEW.total_seconds():g} seconds of the database's")
