"""Fourth step: the bytes into their stores, read once; hashed, inspected and judged on the way."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace

import structlog

from glimpse import quotas
from glimpse.database import images
from glimpse.errors import Conflict, Gone, NotFound
from glimpse.formats import inspect
from glimpse.quotas import Quota, Reservation
from glimpse.settings import seconds
from glimpse.stores.measure import Measure
from glimpse.stores.store import Store
from schemas.vocabulary import GONE, ImportMethod, Status
from services.importer import failures, fan_out, judge, queries
from services.importer.failures import STORE_FAILED, ImportFailure
from services.importer.ports import Ports
from services.importer.steps import trust
from services.importer.work import Job, Kept

log = structlog.get_logger()


async def publish(ports: Ports, job: Job) -> Job:
    """Write the copies. They count as nothing until the next step says so."""
    names = [name for name in dict.fromkeys(job.task.stores) if not _copies(job) or name not in job.image.stores]
    stores = _targets(ports, names)
    source = job.opened()
    copies = await _begin(ports, job, names)
    job.progress.begin("storing", source.size)
    job.progress.blobs = list(copies.values())
    measure = _measure(ports, job)
    room = Reservation(ports.database, _quotas(ports, job), list(copies.values()), source.size)
    verdict: list[int | None] = []

    async def judged() -> AsyncGenerator[bytes, None]:
        """Let the last word be spoken before any store takes the bytes for whole."""
        async for chunk in measure.passing(room.passing(job.progress.counting(source.chunks))):
            yield chunk
        trust.verify(job, dict((job.received or measure.result()).digests))
        verdict.append(
            job.image.virtual_size if judge.is_known(ports, job) else judge.judge(ports, job, measure.result())
        )

    failed: dict[str, str] = {}
    if stores:
        async with contextlib.aclosing(judged()) as chunks:
            outcome = await fan_out.write(
                stores, job.task.key, chunks, all_must_succeed=job.task.all_stores_must_succeed
            )
        for name, error in outcome.items():
            log.warning("store failed", task=job.task.id, store=name, reason=error.message)
        failed = {name: failures.explain(error).message for name, error in outcome.items()}
        kept = {name: copies[name] for name in names if name not in failed}
        return replace(job, kept=Kept(kept, failed, measure.result(), verdict[0]))
    return job


def _copies(job: Job) -> bool:
    return job.task.method is ImportMethod.COPY_IMAGE


def _targets(ports: Ports, names: list[str]) -> list[Store]:
    try:
        return [ports.catalog.get(name) for name in names]
    except NotFound as error:
        raise ImportFailure(STORE_FAILED, error.message) from None


async def _begin(ports: Ports, job: Job, names: list[str]) -> dict[str, int]:
    """Write the row of each copy before its first byte. Raises Gone when the image was deleted, and Fenced."""
    async with ports.database.transaction(job.task.actor) as tx:
        image = await images.find_locked(tx, job.task.image_id)
        if image is None or image.status in GONE:
            raise Gone("the image was deleted")
        if not _copies(job) and image.status is not Status.IMPORTING:
            raise Conflict(f"the image is {image.status}, so nothing can be imported into it")
        await queries.lock_task(tx, job.task)
        copies = await queries.insert_copies(tx, job.task, names, seconds(ports.settings.scrubber.abandoned_seconds))
        if copies:
            await quotas.reserve(tx, _quotas(ports, job), list(copies.values()), job.opened().size)
        return copies


def _quotas(ports: Ports, job: Job) -> list[Quota]:
    """Return what limits the copies; what was staged before counts as such already (IMG-501)."""
    owner, is_staged = job.image.owner, job.task.method is ImportMethod.GLANCE_DIRECT
    return quotas.of_stored(ports.settings, owner) + ([] if is_staged else quotas.of_staged(ports.settings, owner))


def _measure(ports: Ports, job: Job) -> Measure:
    expected, inspector, size = job.expected_digests, None, job.opened().size
    if _copies(job):  # they have to be the same
        algorithm, value = job.image.os_hash_algo, job.image.os_hash_value
        expected = {algorithm: value} if algorithm and value else {}
        size = size if job.image.size is None else job.image.size
    if not judge.is_known(ports, job):
        strict = judge.must_match(ports) and job.image.container_format == "bare"
        inspector = inspect.Inspector(job.disk_format if strict else None)
    return Measure(
        job.algorithms(ports.settings.images.hashing_algorithm),
        limit=ports.settings.images.size_cap_bytes,
        expected_size=size,
        expected_digests={} if job.arriving else expected,
        inspector=inspector,
    )
