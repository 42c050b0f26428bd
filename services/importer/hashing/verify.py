"""Every copy of every image, read again."""

from collections.abc import AsyncIterator

from services.importer.hashing import queries
from services.importer.hashing.examine import Corruption, examine
from services.importer.hashing.pace import Pace
from services.importer.ports import Ports

PAGE = 500


async def verify(ports: Ports, after: str, pace: Pace) -> AsyncIterator[tuple[str, list[Corruption]]]:
    """Yield each image behind an id, in the order of ids, with what is wrong with its copies; that is told, too."""
    while True:
        async with ports.database.reading() as reader:
            ids = await queries.list_readable_after(reader, after, PAGE)
        for image_id in ids:
            yield image_id, await examine(ports, image_id, None, pace)
        if len(ids) < PAGE:
            return
        after = ids[-1]
