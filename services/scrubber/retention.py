"""What was kept for long enough: tasks that ended, and the rows of images that are gone."""

from datetime import timedelta

from glimpse.database.pool import Database
from services.scrubber.ports import ACTOR, Ports
from services.scrubber.queries import abandoned, deleted

ROWS = 1000
"""As many are removed in one transaction."""


async def remove_expired_tasks(ports: Ports) -> int:
    """Remove tasks that were shown for long enough (IMG-28, IMG-585); return how many."""
    removed = 0
    while not ports.stopping.is_set():
        async with ports.database.transaction(ACTOR) as tx:
            count = await abandoned.delete_expired_tasks(tx, ROWS)
        removed += count
        if count < ROWS:
            break
    return removed


async def forget_images(database: Database, age: timedelta) -> int:
    """Remove the rows of images that were purged so long ago; return how many. No id is ever freed (IMG-715)."""
    removed = 0
    while True:
        async with database.transaction(ACTOR) as tx:
            count = await deleted.forget(tx, ROWS, age)
        removed += count
        if count < ROWS:
            return removed
