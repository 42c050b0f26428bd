"""The database's clock: the only one that all processes share."""

from datetime import datetime

from glimpse.database.pool import Reader


async def now(reader: Reader) -> datetime:
    """Return the time."""
    moment: datetime = await reader.fetchval("SELECT clock_timestamp()")
    return moment
