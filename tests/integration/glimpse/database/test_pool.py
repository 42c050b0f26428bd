"""Transactions that hold together, and what is said when the database refuses one."""

import asyncio

import pytest

from glimpse.errors import Conflict, Unavailable


async def make(database, *names):
    async with database.transaction() as tx:
        for name in names:
            await tx.execute("INSERT INTO image_ids (id) VALUES ($1)", name)


async def count(reader):
    return await reader.fetchval("SELECT count(*) FROM image_ids")


async def test_every_statement_of_a_snapshot_sees_the_same_moment(database):
    async with database.snapshot() as reader:
        assert await count(reader) == 0
        await make(database, "a")
        assert await count(reader) == 0
    async with database.reading() as reader:
        assert await count(reader) == 1


async def test_who_takes_a_name_second_is_told_so_and_leaves_nothing(database):
    await make(database, "a")
    with pytest.raises(Conflict, match="choose another"):
        await make(database, "b", "a")
    async with database.reading() as reader:
        assert await count(reader) == 1


async def test_of_two_who_wait_for_each_other_one_goes_on_and_one_may_try_again(database):
    await make(database, "a", "b")
    both = asyncio.Barrier(2)

    async def hold(first, second):
        async with database.transaction() as tx:
            await tx.fetch("SELECT id FROM image_ids WHERE id = $1 FOR UPDATE", first)
            await both.wait()
            await tx.fetch("SELECT id FROM image_ids WHERE id = $1 FOR UPDATE", second)

    found = await asyncio.gather(hold("a", "b"), hold("b", "a"), return_exceptions=True)
    assert [type(each) for each in found if each is not None] == [Unavailable]
