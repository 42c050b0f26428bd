"""The way of an image: each step takes a job and returns it with what it found out."""

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping

from glimpse.database import images
from glimpse.errors import Gone
from schemas.vocabulary import GONE, ImportMethod
from services.importer import locating
from services.importer.ports import Ports
from services.importer.steps import admit, convert, decompress, fetch, finish, inject, publish, source, trust
from services.importer.work import Job, Progress, Task

Step = Callable[[Ports, Job], Awaitable[Job]]

FIRST: tuple[Step, ...] = (admit.admit, trust.trust, source.open_source)
PLUGINS: Mapping[str, tuple[Step, ...]] = {
    "decompression": (decompress.decompress,),
    "conversion": (fetch.fetch, convert.convert),  # these do nothing where the format is to stay
    "inject_metadata": (inject.inject,),
}
"""What an operator may want done, in an order that he sets (OP-35)."""
LAST: tuple[Step, ...] = (publish.publish, finish.finish)


async def run(ports: Ports, task: Task, progress: Progress) -> None:
    """Try a task once. Raises Gone when the image is, Fenced when the lease is, and whatever else went wrong."""
    async with ports.database.reading() as reader:
        image = await images.find(reader, task.image_id)
    if image is None or image.status in GONE:
        raise Gone("the image was deleted")
    if task.is_location:
        await locating.run(ports, task, image, progress)
        return
    async with contextlib.AsyncExitStack() as room:
        job = Job(task, image, progress, room, image.disk_format or "raw")
        for step in steps(ports, task):
            job = await step(ports, job)


def steps(ports: Ports, task: Task) -> Iterator[Step]:
    """Yield what a task goes through; a copy of bytes that were judged before is spared the plugins (OP-35)."""
    yield from FIRST
    if task.method is not ImportMethod.COPY_IMAGE:
        for plugin in ports.settings.import_.plugin_order:
            yield from PLUGINS[plugin]
    yield from LAST
