"""Groups of readers as operators see them: how far each is, who reads for it, and how to be rid of one."""

from dataclasses import dataclass
from datetime import datetime

from glimpse.bus import leases, marks
from glimpse.bus.log import lease_of
from glimpse.database.pool import Database, Reader
from glimpse.errors import Conflict, NotFound

KAFKA = "kafka"
"""The group whose mark says what Kafka has."""

STATE = "kafka-state"
"""The group whose mark says up to where Kafka knows how images are; forgotten, it is told of all of them anew."""


@dataclass(frozen=True, slots=True)
class Group:
    """How far one group is in one partition."""

    reader: str
    partition: int
    pos: int
    behind: int | None
    """How many events it has not read; unknown in the partitions of a broker."""
    dead_letters: int
    moved_at: datetime
    owner: str | None
    """Who reads the log for it now; who reads in a broker, only that knows."""


@dataclass(frozen=True, slots=True)
class Backlog:
    """What a group has yet to read of the log."""

    events: int
    seconds: float
    """How long the oldest has waited."""


async def list_groups(reader: Reader) -> list[Group]:
    """Return every group there is."""
    rows = await reader.fetch(
        """
        SELECT marks.reader, marks.partition, marks.pos, marks.moved_at, leases.owner,
               CASE WHEN marks.partition = $1 THEN (SELECT count(*) FROM events WHERE events.pos > marks.pos)
               END AS behind,
               (SELECT count(*) FROM dead_letters WHERE dead_letters.reader = marks.reader) AS dead_letters
          FROM marks
          LEFT JOIN leases ON leases.until >= clock_timestamp()
                          AND leases.name = 'reader ' || CASE marks.reader WHEN $3 THEN $2 ELSE marks.reader END
         ORDER BY marks.reader, marks.partition
        """,
        marks.LOG,
        KAFKA,
        STATE,
    )
    return [Group(**dict(row.items())) for row in rows]


async def find_backlog(reader: Reader, group: str) -> Backlog:
    """Return what of the log is not behind a group yet."""
    row = await reader.fetchrow(
        """
        SELECT count(*) AS events,
               coalesce(extract(epoch FROM clock_timestamp() - min(sequenced_at)), 0)::float AS seconds
          FROM events
         WHERE pos > coalesce((SELECT pos FROM marks WHERE reader = $1 AND partition = $2), 0)
        """,
        group,
        marks.LOG,
    )
    return Backlog(row["events"], row["seconds"])


async def forget(database: Database, group: str) -> None:
    """Keep nothing for a group any more; if it reads again, it begins with the oldest event. Raises Conflict."""
    async with database.transaction() as tx:
        if await leases.is_taken(tx, lease_of(group)):
            raise Conflict(f"{group} is being read for now: stop its readers first")
        if not await marks.delete(tx, group):
            raise NotFound(f"there is no group {group}: `glimpse events groups` lists them")
