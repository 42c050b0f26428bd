"""What a group could not handle: put aside with the reason, for people to look at, drop, or have tried again."""

from datetime import timedelta

from glimpse.database.pool import Transaction


async def delete_old(tx: Transaction, keep: timedelta) -> int:
    """Delete what nobody cared for in all that time; returns how much that was."""
    return await tx.execute("DELETE FROM dead_letters WHERE buried_at < clock_timestamp() - $1::interval", keep)
