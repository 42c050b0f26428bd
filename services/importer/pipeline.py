"""The way of an image: each step takes a job and returns it with what it found out."""

import contextlib
from collections.abc import Awaitable, Callable

from glimpse.database import images
from glimpse.errors import Gone
from schemas.vocabulary import GONE
from services.importer.ports import Ports
from services.importer.steps import admit, convert, fetch, finish, publish, source
from services.importer.work import Job, Progress, Task

Step = Callable[[Ports, Job], Awaitable[Job]]

STEPS: tuple[Step, ...] = (
    admit.admit,
    source.open_source,
    fetch.fetch,  # these two only when the format is to change
    convert.convert,
    publish.publish,
    finish.finish,
)


async def run(ports: Ports, task: Task, progress: Progress) -> None:
    """Try a task once. Raises Gone when the image is, Fenced when the lease is, and whatever else went wrong."""
    async with ports.database.reading() as reader:
        image = await images.find(reader, task.image_id)
    if image is None or image.status in GONE:
        raise Gone("the image was deleted")
    async with contextlib.AsyncExitStack() as room:
        job = Job(task, image, progress, room, image.disk_format or "raw")
        for step in STEPS:
            job = await step(ports, job)
