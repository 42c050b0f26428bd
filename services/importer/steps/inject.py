"""A plugin: properties that the operator gives to what is imported, over those that its user gave it (OP-37)."""

from dataclasses import replace

from services.importer.ports import Ports
from services.importer.work import Job


async def inject(ports: Ports, job: Job) -> Job:
    """Take the operator's properties on, unless the caller has a role that they are not for."""
    rules = ports.settings.import_
    if job.task.roles & {role.lower() for role in rules.inject_not_for_roles}:
        return job
    return replace(job, properties={**job.properties, **rules.inject})
