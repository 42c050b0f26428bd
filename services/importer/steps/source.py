"""First step: open what the bytes come from."""

from dataclasses import replace

from services.importer import sources
from services.importer.failures import INTERNAL, SOURCE_REFUSED, ImportFailure
from services.importer.ports import Ports
from services.importer.work import Job


async def open_source(ports: Ports, job: Job) -> Job:
    """Open the source of the task's method; it stays open as long as the try lasts."""
    job.progress.begin("connecting")
    opener = sources.SOURCES.get(job.task.method)
    if opener is None:
        raise ImportFailure(INTERNAL, f"this service does not know the method {job.task.method}")
    source = await job.room.enter_async_context(opener(ports, job.task))
    told = source.described
    if told is None:
        return replace(job, source=source)
    quota, count = ports.settings.images.property_quota, len(job.image.properties | told.properties)
    if 0 <= quota < count:
        raise ImportFailure(SOURCE_REFUSED, f"the image would have {count} properties, and may have {quota}")
    return replace(
        job,
        source=source,
        image=replace(job.image, disk_format=told.disk_format, container_format=told.container_format),
        disk_format=told.disk_format,
        promised_digests=told.digests,
        properties=told.properties,
    )
