"""Transactions that hold together, and what is said when the database refuses one."""

import asyncio

import asyncpg
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


async def test_what_is_made_twice_by_our_own_mistake_is_nobody_elses_choice(database):
    async def store_twice():
        async with database.transaction() as tx:
            await tx.execute("INSERT INTO image_ids (id) VALUES ('a')")
            for _ in range(2):
                await tx.execute("INSERT INTO blobs (image_id, store, key) VALUES ('a', 's', 'k')")

    with pytest.raises(asyncpg.UniqueViolationError):
        await store_twice()


@pytest.mark.parametrize("lend", ["reading", "snapshot", "transaction"])
@pytest.mark.parametrize("ours", [OSError("no space"), TimeoutError("a store is slow"), ValueError("a mistake")])
async def test_what_goes_wrong_while_a_connection_is_lent_is_not_the_databases(database, lend, ours):
    with pytest.raises(type(ours), match=str(ours)):
        async with getattr(database, lend)():
            raise ours


@pytest.mark.parametrize("arguments", [["a", "b"], [1]], ids=["too many", "of another type"])
async def test_a_statement_that_is_asked_wrongly_is_our_mistake(database, arguments):
    with pytest.raises((asyncpg.InterfaceError, asyncpg.DataError)):
        async with database.reading() as reader:
            await reader.fetchval("SELECT id FROM image_ids WHERE id = $1", *arguments)


async def end_the_session_of(database, tx):
    pid = await tx.fetchval("SELECT pg_backend_pid()")
    async with database.reading() as other:
        await other.fetchval("SELECT pg_terminate_backend($1, 10000)", pid)


async def test_a_connection_that_is_cut_is_the_database_that_does_not_answer_and_the_next_one_does(database):
    async def go_on():
        async with database.transaction() as tx:
            await end_the_session_of(database, tx)
            await count(tx)

    async def commit():
        async with database.transaction() as tx:
            await end_the_session_of(database, tx)

    for each in (go_on, commit):
        with pytest.raises(Unavailable, match="does not answer"):
            await each()
    async with database.reading() as reader:
        assert await count(reader) == 0


async def test_a_mistake_is_heard_though_the_connection_was_cut_under_it(database):
    async def err():
        async with database.transaction() as tx:
            await end_the_session_of(database, tx)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await err()
