"""The consumer: each event has its effect once, and what has none is put aside, not lost."""

import asyncio
import json
import sys

import pytest

from glimpse.bus import consumer, dead_letters, marks
from glimpse.bus.consumer import Consumer
from glimpse.bus.log import LogTransport
from glimpse.database.pool import Actor
from glimpse.errors import Conflict, TooManyDeadLetters, Unavailable
from schemas.events import ImageDeleted, ImageUpdated, RestoreRequested

GROUP = "g"


@pytest.fixture
def news(news):
    rules = {"attempts": 3, "retry_seconds": 0.0, "lease_seconds": 30.0}
    news.bus = news.bus.model_copy(update=rules)
    return news


@pytest.fixture(autouse=True)
async def heard_table(news):
    await news.execute("CREATE TABLE heard (nth bigserial, subject text, version bigint, by text)")


async def hear(tx, event):
    await tx.execute(
        "INSERT INTO heard (subject, version, by) VALUES ($1, $2, $3)", event.subject, event.version, tx.actor.service
    )


def an_update(version, subject="i1"):
    return ImageUpdated(subject=subject, version=version, image={"id": subject})


def a_reader(news, reactions=None, transport=LogTransport, group=GROUP):
    carried = transport(news.database, news.bus, group)
    return Consumer(news.database, news.bus, carried, group, {ImageUpdated: hear} if reactions is None else reactions)


async def told(news, *events):
    for event in events:
        await news.tell(event)
    await news.sequence()


async def heard(news):
    return [version for (version,) in await news.rows("SELECT version FROM heard ORDER BY nth")]


async def mark(news):
    async with news.database.reading() as reader:
        return await marks.find(reader, GROUP, marks.LOG)


async def letters(news):
    async with news.database.reading() as reader:
        return await dead_letters.list_of(reader, GROUP)


async def garble(news, pos):
    await news.execute("UPDATE events SET data = '{\"image\": 1}' WHERE pos = $1", pos)


async def test_a_new_group_hears_everything_that_is_kept_in_order(news):
    await told(news, *(an_update(version) for version in range(7)))
    news.bus = news.bus.model_copy(update={"batch": 3})
    reader = a_reader(news)
    assert [await reader.run_once() for _ in range(4)] == [3, 3, 1, 0]
    assert await heard(news) == list(range(7))


async def test_what_nobody_reacts_to_is_passed_over(news):
    await told(news, an_update(1), ImageDeleted(subject="i1", version=2, image={}), an_update(3))
    await news.tell_many(5)
    await news.sequence()
    assert await a_reader(news).run_once() == 8
    assert (await heard(news), await mark(news), await letters(news)) == ([1, 3], 8, [])


async def test_a_type_from_the_future_is_passed_over(news):
    await told(news, an_update(1))
    await news.execute("UPDATE events SET type = 'io.glimpse.image.updated.v2'")
    await a_reader(news).run_once()
    assert (await heard(news), await mark(news), await letters(news)) == ([], 1, [])


async def test_the_mark_moves_with_the_effect_or_not_at_all(news):
    async def fail(tx, event):
        await hear(tx, event)
        raise ZeroDivisionError

    await told(news, an_update(1))
    await a_reader(news, {ImageUpdated: fail}).run_once()
    assert (await heard(news), await mark(news)) == ([], 0)


class Stuttering(LogTransport):
    """Delivers everything twice, as a broker may."""

    async def read(self):
        return [delivery for each in await super().read() for delivery in (each, each)]


async def test_what_is_delivered_twice_has_its_effect_once(news):
    await told(news, an_update(1), an_update(2))
    await a_reader(news, transport=Stuttering).run_once()
    assert await heard(news) == [1, 2]


async def test_a_reader_that_was_taken_for_dead_has_no_effect_any_more(news):
    await told(news, an_update(1), an_update(2))
    stuck, goes_on = asyncio.Event(), asyncio.Event()

    async def wait(tx, event):
        stuck.set()
        await goes_on.wait()

    class Slow(LogTransport):
        async def hold(self, tx):
            await wait(tx, None)
            await super().hold(tx)

    slow = asyncio.create_task(a_reader(news, transport=Slow).run_once())
    await asyncio.wait_for(stuck.wait(), 10)
    await news.execute("UPDATE leases SET until = '-infinity' WHERE name = 'reader g'")
    other = a_reader(news)
    assert await other.run_once() == 2
    await news.execute("UPDATE marks SET pos = 0")  # so that nothing but the lease is in its way
    goes_on.set()
    assert await slow == 0
    assert await heard(news) == [1, 2]


async def test_one_reader_of_a_group_reads_and_two_groups_read_the_same(news):
    await told(news, an_update(1), an_update(2))
    one, other = a_reader(news), a_reader(news)
    assert (await one.run_once(), await other.run_once()) == (2, 0)
    assert await a_reader(news, group="another").run_once() == 2
    assert await news.rows("SELECT version, by FROM heard ORDER BY nth") == [
        (1, "g"),
        (2, "g"),
        (1, "another"),
        (2, "another"),
    ]


async def test_what_follows_from_an_event_is_told_as_done_by_whoever_did_it_through_us(news):
    async def restore(tx, event):
        await tx.emit(an_update(9))

    await news.tell(
        RestoreRequested(subject="i1", version=1, image={}),
        actor=Actor(user="u1", project="p1", request_id="req-1", service="api"),
    )
    await news.sequence()
    await a_reader(news, {RestoreRequested: restore}).run_once()
    actor = json.loads(await news.value("SELECT actor FROM outbox"))
    assert actor == {"user": "u1", "project": "p1", "request_id": "req-1", "service": "g"}


async def test_a_reaction_that_fails_is_tried_again_and_the_next_wait_for_it(news):
    broken = [True, True]

    async def fail_twice(tx, event):
        if event.version == 2 and broken:
            raise Conflict(f"not yet: {broken.pop()}")
        await hear(tx, event)

    await told(news, *(an_update(version) for version in (1, 2, 3)))
    reader = a_reader(news, {ImageUpdated: fail_twice})
    assert [await reader.run_once() for _ in range(3)] == [1, 0, 2]
    assert (await heard(news), await letters(news)) == ([1, 2, 3], [])


async def test_between_tries_there_is_a_pause_that_grows(news):
    news.bus = news.bus.model_copy(update={"retry_seconds": 3600.0})
    tries = []

    async def fail(tx, event):
        tries.append(event)
        raise Conflict("no")

    await told(news, an_update(1))
    reader = a_reader(news, {ImageUpdated: fail})
    for _ in range(5):
        await reader.run_once()
    assert len(tries) == 1


async def test_after_the_last_try_it_is_put_aside_with_the_reason_and_the_next_goes_on(news):
    async def fail(tx, event):
        if event.version == 1:
            raise ValueError("nul \0 and all")
        await hear(tx, event)

    await told(news, an_update(1), an_update(2))
    reader = a_reader(news, {ImageUpdated: fail})
    assert [await reader.run_once() for _ in range(3)] == [0, 0, 2]
    (letter,) = await letters(news)
    assert (letter.pos, letter.subject, letter.reason) == (1, "i1", "ValueError: nul  and all")
    assert json.loads(letter.message)["sequence"] == "00000000000000000001"
    assert (await heard(news), await mark(news)) == ([2], 2)


async def ask_wrongly(tx, event):
    await tx.execute("INSERT INTO heard (subject) VALUES ($1)", event.subject, event.version)


async def miss_a_file(tx, event):
    raise FileNotFoundError(event.subject)


@pytest.mark.parametrize("mistaken", [ask_wrongly, miss_a_file])
async def test_a_reaction_with_a_mistake_of_ours_is_put_aside_and_not_taken_for_a_database_that_is_away(news, mistaken):
    await told(news, an_update(1))
    reader = a_reader(news, {ImageUpdated: mistaken})
    for _ in range(3):
        await reader.run_once()
    assert [letter.pos for letter in await letters(news)] == [1]


async def test_what_can_not_be_read_is_put_aside_at_once(news):
    await told(news, an_update(1), an_update(2))
    await garble(news, 1)
    assert await a_reader(news).run_once() == 2
    (letter,) = await letters(news)
    assert "can not be read: image" in letter.reason
    assert (await heard(news), await mark(news)) == ([2], 2)


async def test_while_something_is_away_no_tries_are_counted(news):
    away = [True] * 10

    async def be_away(tx, event):
        if away:
            away.pop()
            raise Unavailable("the store is away")
        await hear(tx, event)

    await told(news, an_update(1))
    reader = a_reader(news, {ImageUpdated: be_away})
    for _ in range(10):
        with pytest.raises(Unavailable):
            await reader.run_once()
    await reader.run_once()
    assert (await heard(news), await letters(news)) == ([1], [])


async def test_at_its_limit_a_group_stops_before_the_event_and_says_so(news):
    news.bus = news.bus.model_copy(update={"dead_letter_limit": 2})
    await told(news, *(an_update(version) for version in range(1, 5)))
    for pos in (1, 2, 3):
        await garble(news, pos)
    with pytest.raises(TooManyDeadLetters, match=r"g stops before event 3 .*`glimpse events dlq list`"):
        await a_reader(news).run_once()
    assert await mark(news) == 2
    again = asyncio.create_task(consumer.follow(news.database, news.bus, "g", {ImageUpdated: hear}, asyncio.Event()))
    await news.execute("UPDATE leases SET until = '-infinity'")
    with pytest.raises(TooManyDeadLetters):
        await asyncio.wait_for(again, 10)
    async with news.database.transaction() as tx:
        await dead_letters.delete(tx, [letter.id for letter in await letters(news)])
    await news.execute("UPDATE leases SET until = '-infinity'")
    assert await a_reader(news).run_once() == 2
    assert (await heard(news), len(await letters(news))) == ([4], 1)


async def test_what_was_put_aside_is_tried_again_when_asked_for(news):
    broken = [True] * 4

    async def fail(tx, event):
        if broken:
            raise Conflict(f"{broken.pop()}")
        await hear(tx, event)

    await told(news, an_update(1))
    reader = a_reader(news, {ImageUpdated: fail})
    for _ in range(3):
        await reader.run_once()
    assert await heard(news) == []
    for expected in ([], [1]):  # the first time it fails once more
        async with news.database.transaction() as tx:
            await dead_letters.mark_retry(tx, [letter.id for letter in await letters(news)])

        async def is_tried():
            await reader.run_once()
            return not [letter for letter in await letters(news) if letter.retry]

        await news.until(is_tried)
        assert await heard(news) == expected
    assert await letters(news) == []


async def test_who_stops_lets_another_read_at_once(news):
    news.bus = news.bus.model_copy(update={"lease_seconds": 3600.0})
    stop = asyncio.Event()
    reading = asyncio.create_task(consumer.follow(news.database, news.bus, GROUP, {ImageUpdated: hear}, stop))
    await told(news, an_update(1))
    await news.until(lambda: heard(news))
    stop.set()
    await asyncio.wait_for(reading, 10)
    await told(news, an_update(2))
    assert await a_reader(news).run_once() == 1


async def test_while_the_database_is_away_it_waits_and_then_goes_on(news, proxied):
    stop = asyncio.Event()
    async with proxied.opened() as database:
        reading = asyncio.create_task(consumer.follow(database, news.bus, GROUP, {ImageUpdated: hear}, stop))
        await told(news, an_update(1))
        await news.until(lambda: heard(news))
        await proxied.cut()
        await told(news, an_update(2))
        await news.until(proxied.was_tried)
        assert not reading.done()
        await proxied.mend()
        await news.until(lambda: news.value("SELECT count(*) = 2 FROM heard"))
        stop.set()
        await asyncio.wait_for(reading, 10)
    assert (await heard(news), await letters(news)) == ([1, 2], [])


async def test_a_mark_never_goes_back(news):
    async with news.database.transaction() as tx:
        assert await marks.move(tx, GROUP, 3, 7)
        assert not await marks.move(tx, GROUP, 3, 7)
        assert not await marks.move(tx, GROUP, 3, 5)
        assert await marks.find(tx, GROUP, 3) == 7


KILLED = """
import asyncio, sys
from pydantic import SecretStr
from glimpse import settings, telemetry
from glimpse.bus import consumer
from glimpse.database.pool import Database
from schemas.events import ImageUpdated

async def hear(tx, event):
    await tx.execute("INSERT INTO heard (subject, version) VALUES ($1, $2)", event.subject, event.version)
    if event.version == 2:
        print("in the middle", flush=True)
        await asyncio.sleep(3600)

async def main():
    telemetry.configure(settings.Log(), "reader")
    database = await Database.open(settings.Postgres(dsn=SecretStr(sys.argv[1])))
    bus = settings.Bus(lease_seconds=1)
    await consumer.follow(database, bus, "g", {ImageUpdated: hear}, asyncio.Event())

asyncio.run(main())
"""


async def test_when_a_reader_is_killed_in_the_middle_another_goes_on_from_there(news, dsn):
    news.bus = news.bus.model_copy(update={"lease_seconds": 1.0})
    await told(news, *(an_update(version) for version in (1, 2, 3)))
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, dsn, stdout=asyncio.subprocess.PIPE)
    try:
        assert await asyncio.wait_for(process.stdout.readline(), 30) == b"in the middle\n"
        assert await a_reader(news).run_once() == 0  # it lives, as far as anybody knows
    finally:
        process.kill()
        await process.communicate()
    reader = a_reader(news)
    assert await news.until(reader.run_once) == 2
    assert await heard(news) == [1, 2, 3]
