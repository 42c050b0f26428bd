"""Tasks under leases: taken when due, tried, and ended, put off or given back.

A worker that dies leaves a lease that ends; whoever takes the task then has a higher epoch, and the dead one, should it
only have slept, can write nothing any more.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from glimpse import process, quotas
from glimpse.errors import Fenced, Gone, Unavailable
from glimpse.settings import seconds
from services.importer import failures, outcome, pipeline, queries, watch
from services.importer.failures import IMAGE_DELETED, INTERNAL, STORE_FAILED, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Progress, Task

log = structlog.get_logger()


async def follow(now: Callable[[], Ports], stop: asyncio.Event) -> None:
    """Work on due tasks, several at once, until asked to stop; then give back those that are not done.

    Each task is worked on from beginning to end with the settings that are in force when it is taken.
    """
    ports = now()
    running: set[asyncio.Task[None]] = set()
    try:
        while not stop.is_set():
            ports.wake.clear()  # before the look: what comes during it is looked at again
            for task in await _claimed(ports, ports.settings.import_.parallel_tasks - len(running)):
                job = asyncio.create_task(run(now(), task), name=f"import {task.id}")
                running.add(job)
                job.add_done_callback(running.discard)
                job.add_done_callback(lambda _job: ports.wake.set())
            await process.pause(stop, seconds(ports.settings.import_.poll_seconds), ports.wake)
    finally:
        for job in list(running):
            job.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def claim(ports: Ports, limit: int) -> list[Task]:
    """Take due tasks, and give up what their earlier tries left half written."""
    async with ports.database.transaction() as tx:
        tasks = await queries.claim_due(tx, ports.worker, limit, seconds(ports.settings.import_.lease_seconds))
        if tasks:
            await queries.doom_earlier_copies(tx, tasks)
    return [task.spelled_out(ports.catalog.default) for task in tasks]


async def run(ports: Ports, task: Task) -> None:
    """Try a claimed task once and write down what came of it. Raises only when cancelled."""
    how = task.type if task.is_location else str(task.method)
    log.info("import begins", task=task.id, image=task.image_id, method=how, attempt=task.attempts)
    try:
        await _try(ports, task)
    except Fenced as error:
        log.warning("import was taken away", task=task.id, reason=error.message)
    except Unavailable as error:  # the lease ends, and somebody takes the task then
        log.warning("the outcome of an import could not be written", task=task.id, reason=error.message)
    else:
        log.info("import ended", task=task.id, image=task.image_id)


async def _claimed(ports: Ports, free: int) -> list[Task]:
    if free <= 0:
        return []
    try:
        return await claim(ports, free)
    except Unavailable as error:  # jobs that run need not die of this
        log.warning("can not look for tasks", reason=error.message)
        return []


async def _try(ports: Ports, task: Task) -> None:
    if task.attempts > ports.settings.import_.attempts:  # it took its workers down with it
        before = task.error_message or "every worker that tried it died"
        await outcome.fail(ports, task, ImportFailure(task.error_code or INTERNAL, before))
        return
    try:
        async with quotas.telling(ports.database, task.actor):
            await _under_lease(ports, task)
    except Fenced:
        raise
    except Gone:
        await outcome.fail(ports, task, ImportFailure(IMAGE_DELETED, "the image was deleted"))
    except asyncio.CancelledError:
        await process.to_its_end(outcome.give_back(ports, task))
        raise
    except Exception as error:
        failure = failures.explain(error)
        if failure.code in (INTERNAL, STORE_FAILED):  # the operator sees more than the owner
            log.exception("import broke", task=task.id)
        await outcome.conclude(ports, task, failure)


async def _under_lease(ports: Ports, task: Task) -> None:
    """Run the pipeline until it ends, or until the watch says that it must."""
    progress = Progress()
    trying = asyncio.create_task(_in_time(ports, task, progress))
    watching = asyncio.create_task(watch.watch(ports, task, progress))
    try:
        await asyncio.wait([trying, watching], return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in (trying, watching):
            each.cancel()
        await asyncio.gather(trying, watching, return_exceptions=True)
    if trying.cancelled():
        watching.result()
    trying.result()


async def _in_time(ports: Ports, task: Task, progress: Progress) -> None:
    async with asyncio.timeout(timedelta(hours=ports.settings.import_.deadline_hours).total_seconds()):
        await pipeline.run(ports, task, progress)
