"""Asking a deleted image back: what is promised, and what is refused."""

import asyncio

import pytest

from glimpse import restore
from glimpse.database import images
from glimpse.errors import Conflict, NotFound

IMAGE = "3f1d6d0e-5b7c-4a3e-9b7d-2a2f0c6a9e11"


async def make(database, status, **columns):
    is_gone = status in ("pending_delete", "deleted")
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO image_ids (id) VALUES ($1)", IMAGE)
        await tx.execute(
            """
            INSERT INTO images (id, status, visibility, size, deleted_at, status_before, purge_after)
            VALUES ($1, $2, 'shared', 1, CASE WHEN $3 THEN clock_timestamp() END, CASE WHEN $3 THEN 'active' END,
                    CASE WHEN $3 THEN clock_timestamp() END)
            """,
            IMAGE,
            status,
            is_gone,
        )
        for name in columns:
            await tx.execute(f"UPDATE images SET {name} = clock_timestamp()")


async def ask(database):
    async with database.transaction() as tx:
        return await restore.request(tx, IMAGE)


async def told(database):
    async with database.reading() as reader:
        return [tuple(row) for row in await reader.fetch("SELECT type, version FROM outbox ORDER BY seq")]


async def find(database):
    async with database.reading() as reader:
        return await images.find(reader, IMAGE)


@pytest.mark.rule("IMG-719")
async def test_the_mark_is_set_and_told(database):
    await make(database, "pending_delete")
    before = await find(database)
    image = await ask(database)
    assert image == await find(database)
    assert image.restore_requested_at is not None
    assert (image.status, image.updated_at) == ("pending_delete", before.updated_at)
    assert await told(database) == [("io.glimpse.image.restore.requested.v1", image.version)]


@pytest.mark.rule("IMG-719")
async def test_asking_again_is_fine_and_tells_nothing_new(database):
    await make(database, "pending_delete")
    first = await ask(database)
    assert await ask(database) == first
    assert len(await told(database)) == 1


@pytest.mark.rule("IMG-719")
async def test_of_many_who_ask_at_once_one_marks(database):
    await make(database, "pending_delete")
    answers = await asyncio.gather(*(ask(database) for _number in range(8)))
    assert {answer.version for answer in answers} == {2}
    assert len(await told(database)) == 1


@pytest.mark.rule("IMG-720")
@pytest.mark.parametrize("status", [None, "deleted"])
async def test_of_what_was_never_there_or_is_gone_for_good_nothing_is_found(database, status):
    if status:
        await make(database, status)
    with pytest.raises(NotFound, match="is left to restore"):
        await ask(database)


@pytest.mark.rule("IMG-732")
@pytest.mark.parametrize("status", ["queued", "saving", "uploading", "importing", "active", "deactivated", "killed"])
async def test_what_is_not_deleted_can_not_be_restored(database, status):
    await make(database, status)
    with pytest.raises(Conflict, match=f"is {status}: only a deleted image"):
        await ask(database)
    assert await told(database) == []


@pytest.mark.rule("IMG-732")
async def test_when_the_purge_has_begun_it_is_too_late(database):
    await make(database, "pending_delete", purge_started_at=True)
    with pytest.raises(Conflict, match="deleted for good"):
        await ask(database)
    assert (await find(database)).restore_requested_at is None
    assert await told(database) == []
