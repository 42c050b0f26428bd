"""How many images a project may have, and have on their way; and how much it uses of each of its limits."""

from collections.abc import Mapping

from glimpse.database import reservations
from glimpse.database.pool import Reader, Transaction
from glimpse.errors import OverQuota
from glimpse.quotas import COUNT_TOTAL, COUNT_UPLOADING, SIZE_TOTAL, STAGE_TOTAL
from glimpse.settings import Limits
from glimpse.settings.limits import MIB, UNLIMITED


async def require_one_more(tx: Transaction, limits: Limits, project: str | None) -> None:
    """Raise OverQuota when a project may not have one more image (IMG-637); nobody else adds one until we end."""
    limit = None if project is None else limits.of(project, COUNT_TOTAL)
    if project is None or limit is None:
        return
    await reservations.lock_project(tx, project)
    if await reservations.count_images(tx, project) >= limit:
        raise _refusal(project, COUNT_TOTAL, limit, f"it may have {limit} images, and has as many")


async def require_movable(tx: Transaction, limits: Limits, project: str | None, task_id: str | None = None) -> None:
    """Raise OverQuota when more of a project's images are on their way than may be, ours among them (IMG-640).

    An import says its task: those that were asked for later wait behind it.
    """
    limit = None if project is None else limits.of(project, COUNT_UPLOADING)
    if project is None or limit is None:
        return
    await reservations.lock_project(tx, project)
    if (await reservations.moving(tx, project, [], task_id)).images > limit:
        raise _refusal(project, COUNT_UPLOADING, limit, f"bytes of {limit} images may be on their way at once")


async def used(reader: Reader, limits: Limits, project: str | None) -> Mapping[str, Mapping[str, int]]:
    """Return what a project uses, and may use, of everything that is limited, in MiB and images (IMG-577)."""
    if not limits.enabled or project is None:
        return {}
    moving = await reservations.moving(reader, project, [])
    stored = await reservations.in_use(reader, project, [])
    count = await reservations.count_images(reader, project)
    usage = {
        SIZE_TOTAL: (stored.taken // MIB, f"{SIZE_TOTAL}_mib"),
        STAGE_TOTAL: (moving.staged.taken // MIB, f"{STAGE_TOTAL}_mib"),
        COUNT_TOTAL: (count, COUNT_TOTAL),
        COUNT_UPLOADING: (moving.images, COUNT_UPLOADING),
    }
    found = ((name, number, limits.of(project, setting)) for name, (number, setting) in usage.items())
    return {name: {"usage": number, "limit": UNLIMITED if limit is None else limit} for name, number, limit in found}


def _refusal(project: str, resource: str, limit: int, why: str) -> OverQuota:
    sentence = f"this is more than the project may have ({resource}): {why}"
    return OverQuota(sentence, project=project, resource=resource, limit=limit)
