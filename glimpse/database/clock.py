"""The database's clock: the one that processes on several machines agree about."""

from datetime import datetime, timedelta

from glimpse.database.pool import Reader


async def now(reader: Reader, later: timedelta = timedelta(0)) -> datetime:
    """Return what it shows, or what it will show after a while."""
    moment: datetime = await reader.fetchval("SELECT clock_timestamp() + $1::interval", later)
    return moment
