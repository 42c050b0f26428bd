"""Leases: one holder at a time, and nobody who still believes to be it."""

import asyncio
from datetime import timedelta

import pytest

from glimpse.bus import leases
from glimpse.bus.leases import Holder, Lease
from glimpse.errors import Fenced, Unavailable

LIVE = timedelta(minutes=1)


async def take(news, owner, live=LIVE):
    async with news.database.transaction() as tx:
        return await leases.take(tx, "it", owner, live)


async def end_of_its_time(news):
    await news.execute("UPDATE leases SET until = clock_timestamp() - interval '1 second'")


async def test_a_lease_has_one_holder(news):
    assert await take(news, "a") == Lease("it", "a", 1)
    assert await take(news, "b") is None
    assert await take(news, "a") is None  # who asks twice has forgotten the first


async def test_of_many_who_want_it_one_gets_it(news):
    found = await asyncio.gather(*(take(news, f"{n}") for n in range(10)))
    assert len([lease for lease in found if lease]) == 1


async def test_what_nobody_renewed_goes_to_the_next_with_the_next_epoch(news):
    await take(news, "a")
    await end_of_its_time(news)
    assert await take(news, "b") == Lease("it", "b", 2)


async def test_it_stays_its_holders_until_another_takes_it(news):
    lease = await take(news, "a")
    await end_of_its_time(news)
    async with news.database.transaction() as tx:
        await leases.hold(tx, lease, LIVE)
        await leases.renew(tx, lease, LIVE)
    assert await take(news, "b") is None


@pytest.mark.parametrize("write", [leases.hold, leases.renew])
async def test_who_lost_it_is_refused(news, write):
    old = await take(news, "a")
    await end_of_its_time(news)
    await take(news, "b")
    with pytest.raises(Fenced, match=r"it is not ours any more \(epoch 1\)"):
        async with news.database.transaction() as tx:
            await write(tx, old, LIVE)


async def test_who_lost_it_can_not_end_it(news):
    old = await take(news, "a")
    await end_of_its_time(news)
    await take(news, "b")
    async with news.database.transaction() as tx:
        await leases.end(tx, old)
    assert await take(news, "c") is None


async def test_what_was_ended_can_be_taken_at_once_and_epochs_go_on(news):
    lease = await take(news, "a")
    async with news.database.transaction() as tx:
        await leases.end(tx, lease)
    assert await take(news, "b") == Lease("it", "b", 2)


async def test_nobody_takes_it_while_a_transaction_holds_it(news):
    lease = await take(news, "a")
    await end_of_its_time(news)
    async with news.database.transaction() as tx:
        await leases.hold(tx, lease, LIVE)
        taking = asyncio.create_task(take(news, "b"))
        await news.until(lambda: news.value("SELECT count(*) FROM pg_locks WHERE NOT granted"))
        assert not taking.done()
    assert await taking == Lease("it", "b", 2)


async def test_a_holder_that_falls_asleep_in_a_transaction_is_cut_off(news):
    lease = await take(news, "a")
    await end_of_its_time(news)
    with pytest.raises(Unavailable):  # noqa: PT012
        async with news.database.transaction() as tx:
            await leases.hold(tx, lease, timedelta(milliseconds=50))
            assert await asyncio.wait_for(take(news, "b"), 10) == Lease("it", "b", 2)
            await tx.execute("SELECT 1")


async def test_the_pool_forgets_the_patience_of_a_holder(news):
    lease, show = await take(news, "a"), "SHOW idle_in_transaction_session_timeout"
    usual = await news.value(show)
    async with news.database.transaction() as tx:
        await leases.hold(tx, lease, timedelta(milliseconds=50))
        assert await tx.fetchval(show) == "50ms"
    async with news.database.reading() as reader:
        assert await reader.fetchval(show) == usual


async def test_a_holder_takes_renews_and_gives_back(news):
    one, other = (Holder(news.database, "it", timedelta(seconds=0.3)) for _ in range(2))
    first = await one.lease()
    until = await news.value("SELECT until FROM leases")
    assert await other.lease() is None

    async def is_renewed():
        assert await one.lease() == first
        return await news.value("SELECT until FROM leases") > until

    await news.until(is_renewed)
    await one.give_back()
    second = await news.until(other.lease)
    assert second.epoch == first.epoch + 1


async def test_a_holder_notices_when_it_renews_that_another_was_quicker(news):
    one = Holder(news.database, "it", timedelta(seconds=0.03))
    assert await one.lease()
    await end_of_its_time(news)
    await take(news, "b")

    async def is_noticed():
        return await one.lease() is None

    await news.until(is_noticed)


async def test_no_two_holders_have_the_same_name(news):
    await Holder(news.database, "it", LIVE).lease()
    await Holder(news.database, "that", LIVE).lease()
    assert await news.value("SELECT count(DISTINCT owner) FROM leases") == 2
