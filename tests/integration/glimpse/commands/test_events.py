"""`glimpse events ...`, as it is typed."""

import asyncio
import json
import shlex
import signal
import sys
from datetime import timedelta

import pytest
from aiokafka import AIOKafkaProducer

from glimpse.bus import dead_letters, leases, marks, topics, unreadable
from glimpse.bus.consumer import Consumer
from glimpse.bus.kafka import KafkaTransport
from glimpse.bus.log import LogTransport, lease_of
from glimpse.bus.publisher import Publisher
from schemas.events import ImageDeleted, ImageUpdated, MemberCreated, UploadFailed
from tests.fixtures.kafka import free_port, read_all

GLIMPSE = (sys.executable, "-c", "from glimpse.cli import main; main()", "events")


@pytest.fixture
def glimpse(dsn):
    """Run a command to its end: returns exit code, output and errors."""

    async def run(*words):
        process = await start(*words)
        output, errors = await asyncio.wait_for(process.communicate(), 30)
        return process.returncode, output.decode(), errors.decode()

    async def start(*words):
        return await asyncio.create_subprocess_exec(
            *GLIMPSE,
            *words,
            "--set",
            f"postgres.dsn={dsn}",
            "--set",
            "bus.deployment=here",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )

    run.start = start
    return run


async def tell_three(news):
    await news.tell(
        ImageUpdated(subject="i1", version=2, image={"name": "debian", "status": "active"}, previous={"name": "x"}),
        UploadFailed(subject="i2", version=3, image={"name": None, "status": "queued"}, reason="hung up"),
        MemberCreated(subject="i1", version=3, member={"member_id": "p2", "status": "pending"}),
    )
    await news.sequence()


def columns(line):
    return [column.strip() for column in line.split("  ") if column.strip()]


async def test_tail_shows_a_line_for_each_fact(glimpse, news):
    await tell_three(news)
    code, output, errors = await glimpse("tail", "--no-follow")
    assert (code, errors) == (0, "")
    rows = [columns(line) for line in output.splitlines()]
    assert [[row[0], *row[2:]] for row in rows] == [
        ["1", "image.updated", "i1", "debian", "active", "changed name"],
        ["2", "image.upload.failed", "i2", "queued", "reason=hung up"],
        ["3", "image.member.created", "i1", "p2", "pending"],
    ]


async def test_replay_tells_what_is_kept_once_more_as_it_was_told(glimpse, news):
    await tell_three(news)
    _, told, _ = await glimpse("tail", "--no-follow", "--json")
    assert await glimpse("replay") == (0, told, "")
    assert await glimpse("replay", "--from", "2", "--until", "2") == (0, told.splitlines(keepends=True)[1], "")
    _, of_one, _ = await glimpse("replay", "--image", "i1", "--set", "bus.batch=1")
    assert [json.loads(line)["sequence"].lstrip("0") for line in of_one.splitlines()] == ["1", "3"]


async def test_replay_tells_it_to_a_topic_of_its_own(glimpse, news, kafka_settings):
    await tell_three(news)
    words = [word for name, value in kafka_settings.items() for word in ("--set", f"bus.{name}={value}")]
    topic = f"{kafka_settings['kafka_topic_prefix']}.again"
    code, output, _ = await glimpse("replay", "--topic", topic, "--from", "2", *words)
    assert (code, output.splitlines()[-1]) == (0, f"2 told to {topic}")
    messages = await read_all(kafka_settings["kafka_bootstrap"], topic)
    _, told, _ = await glimpse("replay", "--from", "2")
    ids = {(event["subject"], event["id"]) for event in map(json.loads, told.splitlines())}
    assert {(each.key.decode(), dict(each.headers)["ce_id"].decode()) for each in messages} == ids
    ours = f"{kafka_settings['kafka_topic_prefix']}.image.events.v1"
    code, _, errors = await glimpse("replay", "--topic", ours, *words)
    assert code != 0
    assert "name a topic of its own" in errors


async def test_without_kafka_nothing_is_replayed_to_a_topic(glimpse, news):
    code, output, errors = await glimpse("replay", "--topic", "t")
    assert (code != 0, output) == (True, "")
    assert "bus.kafka_bootstrap is not set" in errors


async def test_tail_shows_the_events_of_one_image_from_a_position(glimpse, news):
    await tell_three(news)
    _, of_one, _ = await glimpse("tail", "--no-follow", "--image", "i1")
    _, since, _ = await glimpse("tail", "--no-follow", "--from", "2")
    assert [columns(line)[0] for line in of_one.splitlines()] == ["1", "3"]
    assert [columns(line)[0] for line in since.splitlines()] == ["2", "3"]


async def test_tail_writes_cloudevents_for_programs(glimpse, news):
    await tell_three(news)
    _, output, _ = await glimpse("tail", "--no-follow", "--json")
    found = [json.loads(line) for line in output.splitlines()]
    assert [event["sequence"] for event in found] == [f"{pos:020}" for pos in (1, 2, 3)]
    assert {event["source"] for event in found} == {"//glimpse/here"}
    assert found[1]["data"]["reason"] == "hung up"


async def test_tail_goes_on_until_it_is_stopped(glimpse, news):
    await tell_three(news)
    process = await glimpse.start("tail", "--json", "--set", "bus.idle_seconds=0.02")
    for pos in (1, 2, 3):
        assert json.loads(await asyncio.wait_for(process.stdout.readline(), 30))["sequence"] == f"{pos:020}"
    await news.tell(ImageDeleted(subject="i1", version=4, image={}))
    await news.sequence()
    assert json.loads(await asyncio.wait_for(process.stdout.readline(), 30))["type"] == "io.glimpse.image.deleted.v1"
    process.send_signal(signal.SIGINT)
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, output, errors) == (0, b"", b"")


async def test_tail_says_when_what_was_asked_for_is_gone(glimpse, news):
    await tell_three(news)
    await news.execute("DELETE FROM events WHERE pos < 3")
    code, output, errors = await glimpse("tail", "--no-follow", "--from", "1")
    assert (code, len(output.splitlines())) == (0, 1)
    assert errors == "glimpse: events before 3 are not kept any more\n"


async def test_tail_is_quiet_when_its_reader_leaves(dsn, news):
    await news.tell_many(5000)
    await news.sequence()
    line = f"{shlex.join(GLIMPSE)} tail --json --set postgres.dsn={dsn} | head -n 1; exit ${{PIPESTATUS[0]}}"
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", line, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert (process.returncode, output.count(b"\n"), errors) == (0, 1, b"")


async def test_a_name_can_not_command_the_terminal(glimpse, news):
    await news.tell(ImageUpdated(subject="i1", image={"name": "\x1b[2J\r\u202e\x9bü", "status": "active"}))
    await news.sequence()
    _, output, _ = await glimpse("tail", "--no-follow")
    assert output.rstrip("\n").isprintable()
    assert r"\x1b[2J\r\u202e\x9bü" in output


async def test_a_database_without_our_schema_is_refused_in_one_line(glimpse, news):
    await news.execute("DROP TABLE alembic_version")
    code, output, errors = await glimpse("tail")
    assert (code, output) == (1, "")
    assert errors.startswith("glimpse: the database has schema none")
    assert errors.count("\n") == 1


async def test_groups_are_shown_with_how_far_they_are(glimpse, news):
    await tell_three(news)
    async with news.database.transaction() as tx:
        await marks.move(tx, "slow", marks.LOG, 1)
        await marks.move(tx, "elsewhere", 4, 2)
        await leases.take(tx, lease_of("slow"), "a reader", timedelta(minutes=1))
    _, output, _ = await glimpse("groups")
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines() if "│" in line]
    assert [row[:5] + row[6:] for row in rows] == [
        ["elsewhere", "4", "2", "", "0", ""],
        ["slow", "log", "1", "2", "0", "a reader"],
    ]


async def test_in_kafka_groups_are_shown_with_how_far_kafka_says_they_are(glimpse, news, kafka_settings):
    bus = news.bus.model_copy(update={**kafka_settings, "kafka_partitions": 1, "deployment": "here"})
    words = [word for name in kafka_settings for word in ("--set", f"bus.{name}={getattr(bus, name)}")]
    publisher, transport = Publisher(news.database, bus, lambda: True), KafkaTransport(news.database, bus, "g")
    consumer = Consumer(news.database, bus, transport, "g", {})
    await tell_three(news)
    await publisher.run_once()
    await news.until(consumer.run_once)
    await transport.close()  # says how far it is
    await tell_three(news)
    await publisher.run_once()
    await tell_three(news)
    code, output, errors = await glimpse("groups", *words)
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in output.splitlines() if "│" in line]
    assert (code, errors) == (0, "")
    (group, kafka, state) = rows
    assert (group[:4], group[6]) == (["g", "0", "3", "3"], "")
    assert (kafka[:4], state[:4]) == (["kafka", "log", "6", "3"], ["kafka-state", "log", "6", "3"])
    assert kafka[6] == state[6] != "nobody"
    await publisher.give_back()


async def test_while_kafka_is_away_groups_are_shown_without_it(glimpse, news):
    async with news.database.transaction() as tx:
        await marks.move(tx, "g", 0, 1)
    code, output, errors = await glimpse("groups", "--set", f"bus.kafka_bootstrap=127.0.0.1:{free_port()}")
    assert (code, "g" in output) == (0, True)
    assert errors.startswith("glimpse: how far groups are behind in Kafka is not known: ")


async def test_what_could_not_be_read_in_kafka_is_shown_and_dropped(glimpse, news, kafka_settings):
    bus = news.bus.model_copy(update=kafka_settings)
    words = [word for name, value in kafka_settings.items() for word in ("--set", f"bus.{name}={value}")]
    transport = KafkaTransport(news.database, bus, "g")
    await topics.ensure(bus, [topics.events(bus)])
    async with AIOKafkaProducer(bootstrap_servers=bus.kafka_bootstrap) as producer:
        await producer.send_and_wait(topics.events(bus).name, b"what?", b"\x1b[2J", partition=1)

    async def is_put_aside():
        await transport.read()
        return await unreadable.list_of(bus, "g")

    await news.until(is_put_aside)
    await transport.close()
    code, output, errors = await glimpse("dlq", "unreadable", "g", *words)
    assert (code, errors) == (0, "")
    assert "this is no event of ours" in output
    assert r"\x1b[2J" in output
    assert await glimpse("dlq", "unreadable", "g", "--drop", *words) == (0, "1 dropped\n", "")
    assert "no event of ours" not in (await glimpse("dlq", "unreadable", "g", *words))[1]
    assert await glimpse("dlq", "unreadable", "unheard-of", "--drop", *words) == (0, "0 dropped\n", "")
    code, _, errors = await glimpse("dlq", "unreadable", "g")
    assert (code, errors) == (1, "glimpse: there is no Kafka: bus.kafka_bootstrap is not set\n")


async def test_a_group_can_be_forgotten_unless_somebody_reads_for_it(glimpse, news):
    async with news.database.transaction() as tx:
        await marks.move(tx, "old", marks.LOG, 1)
        lease = await leases.take(tx, lease_of("old"), "a reader", timedelta(minutes=1))
    code, _, errors = await glimpse("forget", "old")
    assert (code, errors) == (1, "glimpse: old is being read for now: stop its readers first\n")
    async with news.database.transaction() as tx:
        await leases.end(tx, lease)
    assert await glimpse("forget", "old") == (0, "forgot old\n", "")
    assert await news.rows("SELECT reader FROM marks") == []
    code, _, errors = await glimpse("forget", "old")
    assert (code, errors) == (1, "glimpse: there is no group old: `glimpse events groups` lists them\n")


async def test_what_was_put_aside_is_shown_tried_again_and_dropped(glimpse, news):
    async def fail(tx, event):
        raise ValueError("it broke")

    await tell_three(news)
    bus = news.bus.model_copy(update={"attempts": 1})
    transport = LogTransport(news.database, bus, "g")
    reactions = {ImageUpdated: fail, UploadFailed: fail}
    assert await Consumer(news.database, bus, transport, "g", reactions).run_once() == 3

    _, output, _ = await glimpse("dlq", "list")
    assert output.count("ValueError: it broke") == 2
    assert "image.upload.failed" in output
    _, output, _ = await glimpse("dlq", "list", "g", "--json")
    assert [json.loads(line)["subject"] for line in output.splitlines()] == ["i1", "i2"]
    async with news.database.reading() as reader:
        one, other = (letter.id for letter in await dead_letters.list_of(reader, "g"))
    assert await glimpse("dlq", "retry", str(one)) == (0, "1 to be tried again\n", "")
    assert "to be tried again; ValueError" in (await glimpse("dlq", "list"))[1]
    assert await glimpse("dlq", "drop", str(one), str(other)) == (0, "2 dropped\n", "")
    code, _, errors = await glimpse("dlq", "drop", str(one))
    assert (code, errors) == (1, "glimpse: not all of these were put aside: `glimpse events dlq list` shows what is\n")
