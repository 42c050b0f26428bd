"""What can be said of the server that keeps the facts, without changing any."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from glimpse.database.pool import Reader

OLDEST = 15
"""The first major version that has all we ask for."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server, as it is to whoever we are there."""

    user: str
    version: str
    number: int
    """That version, as Postgres compares it: 150004 is 15.4."""
    encoding: str
    is_standby: bool
    is_synced: bool
    """Whether what it has committed is on its disk."""
    connections: int
    """How many it takes at most."""
    may_create: bool
    """Whether we may make tables, as migrations do."""


async def server(reader: Reader) -> Server:
    """Ask a server what it is."""
    rows = await reader.fetch(
        """
        SELECT current_user::text AS user,
               current_setting('server_version') AS version,
               current_setting('server_version_num')::integer AS number,
               current_setting('server_encoding') AS encoding,
               pg_is_in_recovery() AS is_standby,
               current_setting('fsync')::boolean AND current_setting('full_page_writes')::boolean AS is_synced,
               current_setting('max_connections')::integer AS connections,
               coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create
        """
    )
    return Server(**rows[0])


async def missing_rights(reader: Reader) -> list[str]:
    """Return what we may not do with tables in our schema, each as `DELETE on images`."""
    rows = await reader.fetch(
        """
        SELECT needed.privilege || ' on ' || pg_class.relname AS missing
          FROM pg_class, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS needed (privilege)
         WHERE pg_class.relkind IN ('r', 'p')
           AND pg_class.relnamespace = current_schema()::regnamespace
           AND NOT has_table_privilege(pg_class.oid, needed.privilege)
         ORDER BY pg_class.relname, needed.privilege
        """
    )
    return [row["missing"] for row in rows]


async def skew(reader: Reader) -> timedelta:
    """Return how far the database's clock is ahead of ours, at least: what the question took is not counted."""
    before = datetime.now(UTC)
    theirs: datetime = await reader.fetchval("SELECT clock_timestamp()")
    after = datetime.now(UTC)
    if theirs < before:
        return theirs - before
    return max(theirs - after, timedelta(0))
