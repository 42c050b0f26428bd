"""Leases: one worker at a time, the dead replaced, the late refused."""

import asyncio

import pytest

from glimpse.errors import Fenced
from schemas.events import ImportRequested
from services.importer import jobs, outcome, pipeline, reactions, watch
from services.importer.failures import ImportFailure
from services.importer.work import Progress

STAGED = {"name": "glance-direct"}


async def a_due_task(house, noise):
    image_id = await house.importing()
    await house.stage(image_id, noise)
    return image_id, await house.ask(image_id, STAGED, ["fast"])


async def test_of_two_workers_one_gets_the_task(house, noise):
    await a_due_task(house, noise)
    claims = await asyncio.gather(jobs.claim(house.ports, 5), jobs.claim(house.another().ports, 5))
    assert sorted(map(len, claims)) == [0, 1]


async def test_an_expired_lease_is_taken_over_and_the_late_worker_changes_nothing(house, noise):
    image_id, task_id = await a_due_task(house, noise)
    (mine,) = await jobs.claim(house.ports, 1)
    assert await jobs.claim(house.another().ports, 1) == []
    await house.execute("UPDATE tasks SET lease_until = clock_timestamp() - interval '1 second'")
    other = house.another()
    (theirs,) = await jobs.claim(other.ports, 1)
    assert (mine.epoch, theirs.epoch) == (1, 2)

    with pytest.raises(Fenced):
        await pipeline.run(house.ports, mine, Progress())
    for late in (
        outcome.fail(house.ports, mine, ImportFailure("internal", "late")),
        outcome.conclude(house.ports, mine, ImportFailure("internal", "late", passing=True)),
        outcome.give_back(house.ports, mine),
    ):
        with pytest.raises(Fenced):
            await late
    assert (await house.task(task_id))["lease_owner"] == other.ports.worker
    assert (await house.image(image_id)).status == "importing"

    await jobs.run(other.ports, theirs)
    assert (await house.image(image_id)).status == "active"


async def test_what_a_dead_worker_left_half_written_is_given_up_at_the_next_claim(house, noise):
    image_id, _task_id = await a_due_task(house, noise)
    (task,) = await jobs.claim(house.ports, 1)
    await house.execute(
        "INSERT INTO blobs (image_id, store, key, lease_until) VALUES ($1, 'fast', $2, clock_timestamp())",
        image_id,
        task.key,
    )
    await house.execute("UPDATE tasks SET lease_until = clock_timestamp()")
    await house.work()
    assert (await house.blobs(image_id))["fast"] == ["doomed", "stored"]


async def test_a_task_that_takes_its_workers_down_is_ended(house, noise):
    image_id, task_id = await a_due_task(house, noise)
    for _attempt in range(3):
        assert len(await jobs.claim(house.ports, 1)) == 1
        await house.execute("UPDATE tasks SET lease_until = clock_timestamp()")
    await house.work()
    assert (await house.task(task_id))["error_code"] == "internal"
    assert (await house.image(image_id)).status == "queued"


@pytest.mark.rule("IMG-490")
async def test_a_task_whose_lock_another_took_over_leaves_the_image_to_it(house, noise):
    image_id, task_id = await a_due_task(house, noise)
    (task,) = await jobs.claim(house.ports, 1)
    other_id = await house.ask(image_id, STAGED, ["fast"])
    await jobs.run(house.ports, task)
    assert (await house.task(task_id))["status"] == "failure"
    image = await house.image(image_id)
    assert (image.status, image.service_properties["os_glance_import_task"]) == ("importing", other_id)
    await house.work()
    assert (await house.image(image_id)).status == "active"


async def test_a_worker_that_is_asked_to_stop_gives_its_task_back(house, hanging):
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": hanging.uri}, ["fast"])
    stop = asyncio.Event()
    loop = asyncio.create_task(jobs.follow(lambda: house.ports, stop))
    await asyncio.wait_for(hanging.asked.wait(), 10)
    assert (await house.task(task_id))["status"] == "processing"
    stop.set()
    await loop
    task = await house.task(task_id)
    assert (task["status"], task["lease_owner"], task["attempts"]) == ("processing", None, 0)
    assert len(await jobs.claim(house.another().ports, 1)) == 1


async def test_a_job_stops_when_its_image_is_deleted(house, hanging):
    house = house.another(heartbeat_seconds=0.05)
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": hanging.uri}, ["fast"])
    (task,) = await jobs.claim(house.ports, 1)
    running = asyncio.create_task(jobs.run(house.ports, task))
    await asyncio.wait_for(hanging.asked.wait(), 10)
    await house.execute("UPDATE images SET status = 'deleted', deleted_at = clock_timestamp() WHERE id = $1", image_id)
    await asyncio.wait_for(running, 10)
    ended = await house.task(task_id)
    assert (ended["status"], ended["message"]) == ("failure", "the image was deleted")
    assert "stored" not in (await house.blobs(image_id)).get("fast", [])


async def test_a_job_stops_when_its_lease_is_lost(house, hanging):
    house = house.another(heartbeat_seconds=0.05)
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": hanging.uri}, ["fast"])
    (task,) = await jobs.claim(house.ports, 1)
    running = asyncio.create_task(jobs.run(house.ports, task))
    await asyncio.wait_for(hanging.asked.wait(), 10)
    await house.execute("UPDATE tasks SET lease_owner = 'other', epoch = epoch + 1 WHERE id = $1", task_id)
    await asyncio.wait_for(running, 10)
    assert (await house.task(task_id))["lease_owner"] == "other"


async def test_a_try_has_a_deadline(house, hanging):
    house = house.another(deadline_hours=0.3 / 3600, attempts=1)
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": hanging.uri}, ["fast"])
    await house.work()
    assert (await house.task(task_id))["error_code"] == "deadline"


@pytest.mark.rule("IMG-729")
async def test_progress_is_shown_while_bytes_flow(house, hanging):
    house = house.another(heartbeat_seconds=0.05)
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": hanging.uri}, ["fast"])
    (task,) = await jobs.claim(house.ports, 1)
    running = asyncio.create_task(jobs.run(house.ports, task))
    async with asyncio.timeout(10):
        while not (shown := (await house.task(task_id))["progress"]) or shown["bytes_done"] < 2**19:
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert set(shown) == {"phase", "bytes_done", "bytes_total", "percent", "eta_at"}
    assert (shown["phase"], shown["bytes_total"], shown["percent"]) == ("storing", 2**20, 50.0)
    assert (await house.blobs(image_id))["fast"] == ["doomed"]


async def test_the_news_of_a_request_wakes_the_worker(house):
    event = ImportRequested(subject="i", image={}, task_id="t", method="web-download", stores=[])
    await reactions.reactions(house.ports)[ImportRequested](None, event)
    assert house.ports.wake.is_set()


@pytest.mark.rule("IMG-498")
@pytest.mark.parametrize(
    ("minute", "told"),
    [
        (watch.TOLD_SECONDS, ("", [])),  # the first one is not over
        (0, ("Copied 0 MiB", ["image.import.progressed"])),
    ],
)
async def test_the_message_says_how_far_it_is_once_a_minute(house, hanging, monkeypatch, minute, told):
    monkeypatch.setattr(watch, "TOLD_SECONDS", minute)
    house = house.another(heartbeat_seconds=0.05)
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": hanging.uri}, ["fast"])
    (task,) = await jobs.claim(house.ports, 1)
    running = asyncio.create_task(jobs.run(house.ports, task))
    async with asyncio.timeout(10):
        while not (shown := (await house.task(task_id))["progress"]) or shown["bytes_done"] < 2**19:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    message, facts = (await house.task(task_id))["message"], await house.told(image_id)
    assert (message, sorted(set(facts))) == told
