"""Before all steps: whether one more of the project's images may be on its way (IMG-501, IMG-640)."""

from glimpse import usage
from schemas.vocabulary import ImportMethod
from services.importer.ports import Ports
from services.importer.work import Job


async def admit(ports: Ports, job: Job) -> Job:
    """Raise OverQuota when as many are as there may be; what was staged has been asked then."""
    if ports.settings.limits.enabled and job.task.method is not ImportMethod.GLANCE_DIRECT:
        async with ports.database.transaction(job.task.actor) as tx:
            await usage.require_movable(tx, ports.settings.limits, job.image.owner, job.task.id)
    return job
