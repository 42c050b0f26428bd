"""Many streams of one project, and one quota that none of them may overstep."""

import asyncio
import random
import uuid

import pytest

from glimpse import quotas
from glimpse.database import reservations
from glimpse.errors import TooLarge
from glimpse.quotas import Quota, Reservation
from tests.fixtures.waiting import until


async def a_copy(tx, project="p1"):
    """Make an image with a copy on its way; returns the copy's id."""
    image_id = str(uuid.uuid4())
    await tx.execute("INSERT INTO image_ids (id) VALUES ($1)", image_id)
    await tx.execute(
        "INSERT INTO images (id, owner, status, visibility) VALUES ($1, $2, 'saving', 'shared')", image_id, project
    )
    return await tx.fetchval("INSERT INTO blobs (image_id, store, key) VALUES ($1, 'fast', $1) RETURNING id", image_id)


async def begun(database, quota, size=None):
    async with database.transaction() as tx:
        copy = await a_copy(tx, quota.project)
        await quotas.reserve(tx, [quota], [copy], size)
    return copy


async def end(database, copy, size):
    """Store a copy, or doom it where `size` is None."""
    async with database.transaction() as tx:
        await tx.execute(
            "UPDATE blobs SET state = $2, size = $3 WHERE id = $1", copy, "doomed" if size is None else "stored", size
        )


async def stream(database, quota, size, piece=10_000):
    """Send so many bytes of unknown number; returns them when they got in, else 0."""

    async def chunks():
        for begin in range(0, size, piece):
            await asyncio.sleep(0)
            yield bytes(min(piece, size - begin))

    try:
        copy = await begun(database, quota)
    except TooLarge:
        return 0
    try:
        async for _ in Reservation(database, [quota], [copy], None).passing(chunks()):
            pass
    except TooLarge:
        await end(database, copy, None)
        return 0
    await end(database, copy, size)
    return size


async def taken(database, project="p1"):
    async with database.reading() as reader:
        return (await reservations.in_use(reader, project, [])).taken


@pytest.fixture(autouse=True)
def small_steps(monkeypatch):
    """Streams of kilobytes stand for streams of gigabytes."""
    monkeypatch.setattr(quotas, "FIRST_STEP", 20_000)
    monkeypatch.setattr(quotas, "PAUSE_SECONDS", 0.005)
    monkeypatch.setattr(quotas, "LONGEST_PAUSE_SECONDS", 0.04)


# IMG-629, IMG-722
async def test_a_hundred_streams_of_unknown_size_never_take_one_byte_too_many(database):
    quota, dice = Quota("p1", 1_000_000), random.Random(1)
    sizes = [dice.randrange(1, 60_000) for _ in range(100)]
    assert sum(sizes) > quota.bytes
    got_in = await asyncio.gather(*(stream(database, quota, size) for size in sizes))
    assert sum(got_in) == await taken(database) <= quota.bytes
    assert sum(got_in) > quota.bytes / 2  # whoever was refused had been waited for


async def test_all_that_fit_together_get_in(database):
    sizes = [random.Random(2).randrange(1, 60_000) for _ in range(40)]
    quota = Quota("p1", sum(sizes))
    assert list(await asyncio.gather(*(stream(database, quota, size) for size in sizes))) == sizes
    assert await taken(database) == quota.bytes


async def test_a_known_size_is_refused_before_a_byte_has_come(database):
    quota = Quota("p1", 1000)
    await end(database, await begun(database, quota, 600), 600)
    with pytest.raises(TooLarge):
        await begun(database, quota, 401)
    await begun(database, quota, 400)
    with pytest.raises(TooLarge):
        await begun(database, quota)


async def test_what_a_broken_stream_had_reserved_is_free_again(database):
    quota = Quota("p1", 1000)
    await end(database, await begun(database, quota, 1000), None)
    assert await taken(database) == 0
    await begun(database, quota, 1000)


# IMG-641
@pytest.mark.parametrize("status", ["pending_delete", "deleted", "killed"])
async def test_images_that_are_gone_do_not_count(database, status):
    quota = Quota("p1", 1000)
    await end(database, await begun(database, quota, 1000), 1000)
    async with database.transaction() as tx:
        await tx.execute(
            """
            UPDATE images SET status = $1, status_before = 'active', purge_after = now(),
                              deleted_at = CASE WHEN $1 <> 'killed' THEN now() END
            """,
            status,
        )
    assert await taken(database) == 0


async def test_another_project_has_a_quota_of_its_own(database):
    await begun(database, Quota("p1", 1000), 1000)
    await begun(database, Quota("p2", 1000), 1000)


async def test_without_a_quota_nothing_is_reserved(database):
    async with database.transaction() as tx:
        copy = await a_copy(tx)
        await quotas.reserve(tx, [], [copy], 5)
    assert await taken(database) == 0


async def test_streams_that_wait_for_room_do_not_queue_for_the_lock_of_their_project(database, monkeypatch):
    quota, tries = Quota("p1", 30_000), []
    try_lock = reservations.try_lock_project

    async def counted(tx, project):
        tries.append(await try_lock(tx, project))
        return tries[-1]

    monkeypatch.setattr(reservations, "try_lock_project", counted)
    slow = await begun(database, quota, 25_000)  # moves as long as it is neither stored nor doomed
    async with database.transaction() as tx:
        await reservations.reserve(tx, [slow], 25_000, waits=False)
    waiting = [asyncio.create_task(stream(database, quota, 6_000)) for _ in range(3)]

    async def asked():
        return len(tries)

    async def who_wait():
        async with database.reading() as reader:
            return await reader.fetchval("SELECT count(*) FROM blobs WHERE is_waiting")

    await until(who_wait, lambda seen: seen == 3)
    async with database.transaction() as tx:
        await reservations.lock_project(tx, "p1")
        begin = len(tries)
        await until(asked, lambda seen: seen > begin + 10)
        assert not any(tries[begin:])
        assert not await tx.fetchval(
            """
            SELECT count(*)
              FROM pg_locks
              JOIN pg_database ON pg_database.oid = pg_locks.database
             WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted
            """
        )
    await end(database, slow, None)
    assert await asyncio.gather(*waiting) == [6_000] * 3
