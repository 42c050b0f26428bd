"""The partitions of the log: there before they are needed, and gone when nobody needs them."""

import asyncio
from datetime import timedelta

import pytest

from glimpse.bus import marks, partitions
from glimpse.bus.partitions import SMALLEST, Partition
from glimpse.bus.sequencer import Sequencer

KEEP = timedelta(days=14)


async def names(news):
    async with news.database.reading() as reader:
        return [partition.name for partition in await partitions.list_partitions(reader)]


async def make_room(news, head):
    async with news.database.transaction() as tx:
        return await partitions.make_room(tx, head)


async def drop_old(news, head):
    async with news.database.transaction() as tx:
        return await partitions.drop_old(tx, head, KEEP)


async def tell_and_sequence(news, count):
    await news.tell_many(count)
    await news.sequence()


async def age(news, days, last):
    await news.execute(
        "UPDATE events SET sequenced_at = sequenced_at - $1::interval WHERE pos <= $2", timedelta(days=days), last
    )


async def mark(news, group, pos):
    async with news.database.transaction() as tx:
        await marks.move(tx, group, marks.LOG, pos)


async def test_there_is_always_one_more_than_is_needed(news):
    assert await make_room(news, 0) == [Partition("events_1", 1, SMALLEST), Partition("events_10001", 10001, 20000)]
    assert await make_room(news, SMALLEST - 1) == await make_room(news, 0)
    assert len(await make_room(news, SMALLEST)) == 3  # the next position goes to the second


async def test_a_log_that_outgrows_its_partitions_never_stops(news):
    news.bus = news.bus.model_copy(update={"batch": 4000})
    await tell_and_sequence(news, 2 * SMALLEST + 5000)
    assert await news.rows("SELECT count(*), min(pos), max(pos) FROM events") == [(25000, 1, 25000)]
    assert len(await names(news)) >= 3


async def test_a_partition_has_the_indexes_of_the_log_and_no_more(news):
    await make_room(news, 0)
    assert await news.rows(
        """
        SELECT parent.relname FROM pg_index AS index
          JOIN pg_inherits AS link ON link.inhrelid = index.indexrelid
          JOIN pg_class AS parent ON parent.oid = link.inhparent
         WHERE index.indrelid = 'events_1'::regclass ORDER BY 1
        """
    ) == [("events_by_subject",), ("events_pkey",)]
    assert await news.value("SELECT count(*) FROM pg_index WHERE indrelid = 'events_1'::regclass") == 2


async def test_a_partition_is_made_while_somebody_reads_and_somebody_writes(news):
    await make_room(news, 0)
    async with news.database.transaction() as reading, news.database.transaction() as writing:
        await reading.fetchval("SELECT count(*) FROM events")
        await writing.execute("UPDATE events SET version = 1")
        await make_room(news, SMALLEST)


async def test_while_a_partition_can_not_be_made_what_there_is_room_for_moves_on(news):
    news.bus = news.bus.model_copy(update={"batch": 5000})
    await tell_and_sequence(news, SMALLEST - 1)
    leader = Sequencer(news.database, news.bus)
    async with news.database.transaction() as analyzing:
        await analyzing.execute("LOCK TABLE events IN SHARE UPDATE EXCLUSIVE MODE")
        await news.tell_many(10)
        assert await news.until(leader.run_once) == 10
        assert len(await names(news)) == 2
    await news.tell_many(10)

    async def is_made():
        await leader.run_once()
        return len(await names(news)) == 3

    await news.until(is_made)


async def test_a_partition_holds_about_a_days_news_but_grows_only_fourfold(news):
    news.bus = news.bus.model_copy(update={"batch": 5000})
    await tell_and_sequence(news, SMALLEST)
    assert (await make_room(news, SMALLEST))[-1].size == 4 * SMALLEST  # all within a second
    await age(news, 1 / 24, SMALLEST)
    await tell_and_sequence(news, SMALLEST)
    *_, before, last = await make_room(news, 2 * SMALLEST)
    assert before.size == 4 * SMALLEST
    assert last.size == pytest.approx(16 * SMALLEST)
    await age(news, 10, 2 * SMALLEST)
    await news.execute("UPDATE positions SET pos = $1", last.first)
    await tell_and_sequence(news, 1)
    assert (await make_room(news, last.last))[-1].size < 4 * last.size


async def test_a_jump_makes_no_partition_larger(news):
    await tell_and_sequence(news, 100)
    await age(news, 1 / 24, 100)
    await news.execute("UPDATE positions SET timeline = 'of another cluster'")
    await tell_and_sequence(news, 1)
    async with news.database.reading() as reader:
        sizes = [partition.size for partition in await partitions.list_partitions(reader)]
    assert sizes == [SMALLEST] * 4


async def test_after_a_jump_the_partition_that_was_left_behind_goes_with_the_others(news):
    await tell_and_sequence(news, 100)
    await news.execute("UPDATE positions SET timeline = 'of another cluster'")
    await tell_and_sequence(news, 1)
    head = await news.value("SELECT pos FROM positions")
    await age(news, 20, 100)
    assert await drop_old(news, head) == 2
    assert (await names(news))[0] == f"events_{head}"


async def test_what_is_old_goes_a_partition_at_a_time(news):
    news.bus = news.bus.model_copy(update={"batch": 5000})
    await tell_and_sequence(news, SMALLEST + 10)
    await age(news, 20, SMALLEST - 1)
    assert await drop_old(news, SMALLEST + 10) == 0  # one of them is not old enough
    await age(news, 20, SMALLEST)
    assert await drop_old(news, SMALLEST + 10) == 1
    assert await news.rows("SELECT min(pos), max(pos) FROM events") == [(SMALLEST + 1, SMALLEST + 10)]
    assert await drop_old(news, SMALLEST + 10) == 0


async def test_what_a_group_has_not_read_stays_however_old(news):
    news.bus = news.bus.model_copy(update={"batch": 5000})
    await tell_and_sequence(news, SMALLEST + 10)
    await age(news, 20, SMALLEST + 10)
    await mark(news, "quick", SMALLEST + 10)
    await mark(news, "slow", SMALLEST - 1)
    assert await drop_old(news, SMALLEST + 10) == 0
    await mark(news, "slow", SMALLEST)
    assert await drop_old(news, SMALLEST + 10) == 1


async def test_the_marks_in_a_broker_keep_nothing(news):
    news.bus = news.bus.model_copy(update={"batch": 5000})
    await tell_and_sequence(news, SMALLEST + 10)
    await age(news, 20, SMALLEST + 10)
    async with news.database.transaction() as tx:
        await marks.move(tx, "elsewhere", 3, 7)
    assert await drop_old(news, SMALLEST + 10) == 1


async def test_the_partition_that_is_written_to_is_never_dropped(news):
    await tell_and_sequence(news, 10)
    await age(news, 20, 10)
    assert await drop_old(news, 10) == 0


async def test_a_leader_drops_what_is_old_and_does_not_wait_for_those_who_read_it(news):
    news.bus = news.bus.model_copy(update={"batch": 5000})
    await tell_and_sequence(news, SMALLEST + 10)
    await age(news, 20, SMALLEST)
    async with news.database.transaction() as reading:
        await reading.fetchval("SELECT count(*) FROM events")
        await asyncio.wait_for(tell_and_sequence(news, 1), 10)
        assert "events_1" in await names(news)
    sequencer = Sequencer(news.database, news.bus)
    await sequencer.run_once()
    assert "events_1" not in await names(news)
    assert await news.value("SELECT max(pos) FROM events") == SMALLEST + 11
