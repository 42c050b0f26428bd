"""The position given last. None is ever given twice, not even by a database that forgot what it had committed.

A replica that is promoted may lack the last commits, and what was told of them is out in the world. Its history then
has another timeline (and a restored dump another cluster), so positions jump far ahead: the only gap there ever is.
"""

import structlog

from glimpse.database.pool import Reader, Transaction

log = structlog.get_logger()

JUMP = 1_000_000_000
"""More than a lagging replica can have lost; there is room for nine thousand million of them."""


async def lock(tx: Transaction) -> int:
    """Return the position given last and hold it until the transaction ends; it has jumped if it had to."""
    row = await tx.fetchrow(
        """
        SELECT given.pos, given.timeline,
               control.system_identifier || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) AS now
          FROM pg_control_system() AS control
          LEFT JOIN (SELECT pos, timeline FROM positions FOR UPDATE) AS given ON true
        """
    )
    if row["pos"] is None:
        await _insert(tx, row["now"])
        return 0
    head: int = row["pos"]
    if row["timeline"] == row["now"]:
        return head
    log.warning("another history of the database: positions jump", since=head, to=head + JUMP, timeline=row["now"])
    await tx.execute("UPDATE positions SET pos = $1, timeline = $2", head + JUMP, row["now"])
    return head + JUMP


async def move(tx: Transaction, pos: int) -> None:
    """Write down the position given last."""
    await tx.execute("UPDATE positions SET pos = $1", pos)


async def find(reader: Reader) -> int:
    """Return the position given last; 0 when none was."""
    pos: int | None = await reader.fetchval("SELECT pos FROM positions")
    return pos or 0


async def _insert(tx: Transaction, timeline: str) -> None:
    await tx.execute("INSERT INTO positions (pos, timeline) VALUES (0, $1)", timeline)
