"""Everything that is due, once: for an operator who does not wait for the clock."""

from services.scrubber import doomed, purge, rescue, restore, retention
from services.scrubber.ports import Ports
from services.scrubber.queries import copies


async def run(ports: Ports) -> list[str]:
    """Do what the sweeps do, in the order in which one makes work for the next; return a line for each."""
    restored = await restore.run_once(ports)
    rescued = await rescue.run_once(ports)
    begun = await purge.run_once(ports) + await purge.take_again(ports)
    gone = await doomed.run_once(ports)
    tasks = await retention.remove_expired_tasks(ports)
    async with ports.database.reading() as reader:
        waiting = await copies.list_waiting(reader)
    return [
        f"restored: {restored}",
        f"abandoned, and given back: {rescued}",
        f"purges begun: {begun}",
        f"copies deleted: {gone}",
        f"expired tasks removed: {tasks}",
        *(f"waiting for store {each.store}: {each.copies} copies ({each.reason})" for each in waiting),
    ]
