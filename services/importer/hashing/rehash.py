"""Images without a multihash, or with one of another algorithm, hashed in the background: tasks under leases.

Each is a row, so whoever stops, however, leaves nothing undone: its lease ends and another takes it. The tasks that are
worked on at once share one pace, and imports do not wait for them.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import structlog

from glimpse.errors import Fenced, GlimpseError, Unavailable
from glimpse.settings import seconds
from services.importer import failures
from services.importer import queries as leases
from services.importer.hashing import queries
from services.importer.hashing.examine import ACTOR, examine
from services.importer.hashing.pace import AT_ONCE, Pace
from services.importer.ports import Ports
from services.importer.work import Task

log = structlog.get_logger()

CORRUPT = "corrupt"
POLL = timedelta(seconds=10)


async def follow(now: Callable[[], Ports], stop: asyncio.Event) -> None:
    """Work on what is due until asked to stop, a few at once; then give back what is not done."""
    pace = Pace(now().settings.import_.rehash_bytes_per_second)
    running: set[asyncio.Task[None]] = set()
    stopping = asyncio.create_task(stop.wait())
    try:
        while not stop.is_set():
            ports = now()
            if len(running) < AT_ONCE:
                tasks = await _claim(ports, AT_ONCE - len(running))
                running |= {asyncio.create_task(_run(ports, task, pace)) for task in tasks}
            poll = POLL.total_seconds() if len(running) < AT_ONCE else None
            done, _ = await asyncio.wait({stopping, *running}, timeout=poll, return_when=asyncio.FIRST_COMPLETED)
            for each in running & done:
                running.remove(each)
                each.result()
    finally:
        for one in (stopping, *running):
            one.cancel()
        await asyncio.gather(stopping, *running, return_exceptions=True)


async def run_once(ports: Ports, pace: Pace) -> int:
    """Claim a few tasks and work on them; returns how many they were."""
    tasks = await _claim(ports, AT_ONCE)
    await asyncio.gather(*(_run(ports, task, pace) for task in tasks))
    return len(tasks)


async def _claim(ports: Ports, most: int) -> list[Task]:
    """Take what is due, when the database can be asked."""
    try:
        async with ports.database.transaction(ACTOR) as tx:
            return await queries.claim_due(tx, ports.worker, most, seconds(ports.settings.import_.lease_seconds))
    except Unavailable as error:
        log.warning("can not look for images to hash", reason=error.message)
        return []


async def fill(ports: Ports) -> int:
    """Ask for what is missing, when that is wanted; returns for how many images."""
    if not ports.settings.import_.rehash_missing:
        return 0
    try:
        async with ports.database.transaction(ACTOR) as tx:
            return await queries.ask(tx, None, ports.settings.images.hashing_algorithm, again=False)
    except Unavailable as error:
        log.warning("can not look for images without a hash", reason=error.message)
        return 0


async def _run(ports: Ports, task: Task, pace: Pace) -> None:
    beating = asyncio.create_task(_beat(ports, task))
    try:
        await _try(ports, task, pace)
    except (Fenced, Unavailable) as error:  # the lease ends, and somebody takes the task then
        log.warning("a task that hashes was not ended", task=task.id, reason=error.message)
    except asyncio.CancelledError:
        await asyncio.shield(_give_back(ports, task))
        raise
    finally:
        beating.cancel()
        await asyncio.gather(beating, return_exceptions=True)


async def _try(ports: Ports, task: Task, pace: Pace) -> None:
    rules = ports.settings.import_
    live = timedelta(hours=rules.task_time_to_live_hours)
    try:
        wrong = await examine(ports, task.image_id, task.input.get("algorithm"), pace)
    except (Fenced, Unavailable):
        raise
    except GlimpseError as error:
        failure = failures.explain(error)
        async with ports.database.transaction(ACTOR) as tx:
            if failure.passing and task.attempts < rules.attempts:
                wait = seconds(rules.retry_seconds) * 2**task.attempts
                await leases.put_off(tx, task, wait, failure.code, failure.message)
            else:
                await leases.mark_failure(tx, task, failure.code, failure.message, live)
        return
    async with ports.database.transaction(ACTOR) as tx:
        if wrong:
            sentence = "; ".join(f"in {each.store}: {each.reason}" for each in wrong)
            await leases.mark_failure(tx, task, CORRUPT, sentence, live)
        else:
            await leases.mark_success(tx, task, "", live)
    for each in wrong:
        log.error("corruption detected", image=each.image_id, store=each.store, reason=each.reason)


async def _beat(ports: Ports, task: Task) -> None:
    lease = seconds(ports.settings.import_.lease_seconds)
    while True:
        await asyncio.sleep(lease.total_seconds() / 3)
        try:
            async with ports.database.transaction(ACTOR) as tx:
                await leases.renew_lease(tx, task, lease)
        except Unavailable:
            continue


async def _give_back(ports: Ports, task: Task) -> None:
    try:
        async with ports.database.transaction(ACTOR) as tx:
            await leases.release(tx, task)
    except (Fenced, Unavailable) as error:
        log.warning("a task that hashes could not be given back", task=task.id, reason=error.message)
