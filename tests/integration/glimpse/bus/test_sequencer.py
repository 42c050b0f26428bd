"""The sequencer: dense positions, one leader, and no position twice."""

import asyncio
from datetime import timedelta

import pytest

from glimpse.bus import leader, leases, sequencer
from glimpse.bus.positions import JUMP
from glimpse.bus.sequencer import LEASE, Sequencer
from glimpse.database.pool import Actor
from glimpse.errors import Fenced
from schemas.events import ImageUpdated, UploadFailed


def an_update(version, **image):
    return ImageUpdated(subject="i1", version=version, image={"id": "i1", **image})


async def positions(news):
    return [pos for (pos,) in await news.rows("SELECT pos FROM events ORDER BY pos")]


async def until_sequenced(news, count):
    await news.until(lambda: news.value("SELECT count(*) >= $1 FROM events", count))


async def test_an_event_reaches_the_log_as_it_was_told(news):
    told = UploadFailed(subject="i1", version=3, image={"id": "i1", "name": "ü"}, reason="the client hung up")
    await news.tell(told, actor=Actor(user="u1", project="p1", request_id="req-1"))
    before = await news.rows("SELECT id, type, subject, version, actor, data, occurred_at FROM outbox")
    assert await news.sequence() == 1
    columns = "pos, id, type, subject, version, actor, data, occurred_at"
    assert await news.rows(f"SELECT {columns} FROM events") == [(1, *before[0])]
    assert await news.value("SELECT count(*) FROM outbox") == 0


async def test_positions_are_dense_over_batches_and_leaders(news):
    news.bus = news.bus.model_copy(update={"batch": 3})
    for begin in (0, 10):
        for version in range(begin, begin + 10):
            await news.tell(an_update(version))
        await news.sequence()
    assert await news.rows("SELECT pos, version FROM events ORDER BY pos") == [(n + 1, n) for n in range(20)]


async def test_what_one_transaction_told_stays_in_its_order(news):
    await news.tell(*(an_update(version) for version in range(5)))
    await news.sequence()
    assert [version for (version,) in await news.rows("SELECT version FROM events ORDER BY pos")] == [0, 1, 2, 3, 4]


async def test_what_is_not_committed_waits_and_holds_up_nobody(news):
    async with news.database.transaction() as slow:
        await slow.emit(an_update(1))
        await slow.write_down()
        await news.tell(an_update(2))
        assert await news.sequence() == 1
    assert await news.sequence() == 1
    assert await news.rows("SELECT pos, version FROM events ORDER BY pos") == [(1, 2), (2, 1)]


async def test_with_nothing_to_move_nothing_is_written_or_locked(news):
    leader = Sequencer(news.database, news.bus)
    assert await leader.run_once() == 0
    rows = "SELECT xmin::text, xmax::text FROM leases UNION ALL SELECT xmin::text, xmax::text FROM positions"
    before = await news.rows(rows)
    assert await leader.run_once() == 0
    assert await news.rows(rows) == before


async def test_a_leader_that_was_replaced_moves_nothing(news):
    old = Sequencer(news.database, news.bus)
    await old.run_once()
    await news.execute("UPDATE leases SET until = '-infinity'")
    new = Sequencer(news.database, news.bus)
    await new.run_once()
    await news.tell(an_update(1))
    assert await old.run_once() == 0
    assert await positions(news) == []
    assert await new.run_once() == 1


async def test_no_step_is_taken_under_an_old_epoch(news):
    async with news.database.transaction() as tx:
        old = await leases.take(tx, LEASE, "old", timedelta(0))
    async with news.database.transaction() as tx:
        await leases.take(tx, LEASE, "new", timedelta(minutes=1))
    await news.tell(an_update(1))
    for step in (sequencer.advance, sequencer.sweep):
        with pytest.raises(Fenced):
            await step(news.database, news.bus, old)
    assert await news.value("SELECT count(*) FROM outbox") == 1


async def test_who_stops_lets_another_lead_at_once(news):
    bus = news.bus.model_copy(update={"lease_seconds": 3600.0})
    stop = asyncio.Event()
    leading = asyncio.create_task(leader.follow(news.database, bus, stop))
    await news.tell(an_update(1))
    await until_sequenced(news, 1)
    stop.set()
    await asyncio.wait_for(leading, 10)
    await news.tell(an_update(2))
    assert await Sequencer(news.database, bus).run_once() == 1


async def test_while_the_database_is_away_it_waits_and_then_goes_on(news, proxied):
    stop = asyncio.Event()
    async with proxied.opened() as database:
        leading = asyncio.create_task(leader.follow(database, news.bus, stop))
        await news.tell(an_update(1))
        await until_sequenced(news, 1)
        await proxied.cut()
        await news.tell(an_update(2))
        await news.until(proxied.was_tried)
        assert not leading.done()
        await proxied.mend()
        await until_sequenced(news, 2)
        stop.set()
        await asyncio.wait_for(leading, 10)


async def test_after_a_failover_positions_jump_once_and_stay_dense(news):
    await news.tell(an_update(1))
    await news.sequence()
    await news.execute("UPDATE positions SET timeline = '7711931003482758550/00000009'")
    for version in (2, 3):
        await news.tell(an_update(version))
        await news.sequence()
    assert await positions(news) == [1, JUMP + 2, JUMP + 3]


async def test_a_leader_that_lives_through_a_failover_notices_it(news):
    leader = Sequencer(news.database, news.bus)
    await news.tell(an_update(1))
    assert await leader.run_once() == 1
    await news.execute("UPDATE positions SET timeline = '7711931003482758550/00000009'")
    await news.tell(an_update(2))
    await news.until(leader.run_once)
    await news.tell(an_update(3))
    assert await leader.run_once() == 1
    assert await positions(news) == [1, JUMP + 2, JUMP + 3]
