"""What a crash left behind: given back with the reason, and never while somebody is at it."""

import asyncio
from datetime import timedelta

import pytest

from glimpse.database import clock, images
from glimpse.lifecycle import Mover
from schemas.vocabulary import STAGING, Status
from services.scrubber import doomed, rescue

LOCKED = {
    "os_glance_import_task": "t1",
    "os_glance_importing_to_stores": "cheap,fast",
    "os_glance_failed_import": "slow",
    "os_glimpse_source_size": "9",
}


async def in_flight(house, status, *, lease, store="fast", **columns):
    """Make an image that somebody sends bytes to, heard of until so many seconds from now."""
    image_id = await house.image(status, stores=(), **columns)
    await house.copy(image_id, store, "writing", lease)
    return image_id


async def a_task(house, image_id, status="pending"):
    await house.execute(
        "INSERT INTO tasks (id, type, image_id, status, input) VALUES ('t1', 'api_image_import', $1, $2, '{}')",
        image_id,
        status,
    )


@pytest.mark.rule("IMG-221", "OP-12", "OP-126")
async def test_an_upload_whose_writer_died_is_given_back_and_its_bytes_go(house):
    image_id = await in_flight(house, "saving", lease=-1)
    await house.say(image_id, "size", 7)
    assert await rescue.run_once(house.ports) == 1
    image = await house.row_of(image_id)
    assert (image.status, image.size, image.virtual_size, image.stores) == ("queued", None, None, [])
    ((name, data),) = await house.told(image_id)
    assert (name, data["reason"]) == ("upload.failed", rescue.UPLOAD_LOST)
    assert (data["image"]["status"], data["previous"]) == ("queued", {"status": "saving", "size": 7})
    assert await house.blobs(image_id) == [("fast", "doomed")]
    assert house.ports.doomed.is_set()
    await doomed.run_once(house.ports)
    assert house.files() == set()
    assert image.tags == ["lts", "small"]  # what users said stays


@pytest.mark.rule("IMG-223")
async def test_a_staging_whose_writer_died_is_given_back_and_its_bytes_go(house):
    image_id = await in_flight(house, "uploading", lease=-1, store=STAGING)
    assert await rescue.run_once(house.ports) == 1
    assert await house.status(image_id) == "queued"
    ((name, data),) = await house.told(image_id)
    assert (name, data["reason"]) == ("stage.failed", rescue.STAGE_LOST)
    assert await house.blobs(image_id) == [(STAGING, "doomed")]


@pytest.mark.parametrize(("status", "store"), [("saving", "fast"), ("uploading", STAGING)])
async def test_a_transfer_whose_writer_is_alive_is_never_touched(house, status, store):
    image_id = await in_flight(house, status, lease=60, store=store)
    assert await rescue.run_once(house.ports) == 0
    assert await house.status(image_id) == status
    assert await house.blobs(image_id) == [(store, "writing")]


@pytest.mark.parametrize("status", ["saving", "uploading", "importing"])
async def test_an_image_in_flight_without_anything_that_flies_is_no_dead_end(house, status):
    image_id = await house.image(status, stores=())
    assert await rescue.run_once(house.ports) == 1
    assert await house.status(image_id) == "queued"


@pytest.mark.rule("IMG-448")
async def test_what_is_staged_and_whole_waits_for_ever(house):
    image_id = await house.image("uploading", stores=(STAGING,))
    await house.execute("UPDATE blobs SET stored_at = clock_timestamp() - interval '10 years'")
    assert await rescue.run_once(house.ports) == 0
    assert await house.status(image_id) == "uploading"


@pytest.mark.parametrize(("age", "status"), [("1 day", "uploading"), ("3 days", "queued")])
async def test_what_is_staged_and_whole_waits_as_long_as_the_operator_says(house, age, status):
    house = house.configured(staging={"paths": [{"path": house.folder / "staging"}], "keep_days": 2})
    image_id = await house.image("uploading", stores=(STAGING,))
    await house.execute("UPDATE blobs SET stored_at = clock_timestamp() - $1::text::interval", age)
    await rescue.run_once(house.ports)
    assert await house.status(image_id) == status
    if status == "queued":
        assert await house.blobs(image_id) == [(STAGING, "doomed")]
        ((name, data),) = await house.told(image_id)
        assert (name, data["reason"]) == ("stage.failed", rescue.STAGED_TOO_LONG)


@pytest.mark.rule("IMG-495", "IMG-497", "IMG-721", "IMG-723", "OP-25")
async def test_an_import_nobody_works_on_is_given_back_and_can_be_asked_for_again(house):
    image_id = await house.image("importing", stores=(STAGING,), service_properties=LOCKED)
    await house.copy(image_id, "fast", "writing", lease=-1)
    await a_task(house, image_id, "failure")
    assert await rescue.run_once(house.ports) == 1
    image = await house.row_of(image_id)
    assert (image.status, image.size) == ("queued", None)
    assert image.service_properties == {
        "os_glance_importing_to_stores": "",
        "os_glance_failed_import": "cheap,fast,slow",
        "os_glimpse_import_error": f"abandoned: {rescue.IMPORT_LOST}",
        "os_glimpse_source_size": "9",
    }
    async with house.database.reading() as reader:
        assert image.staged_until > await clock.now(reader, timedelta(hours=23))
    assert await house.blobs(image_id) == [(STAGING, "stored"), ("fast", "doomed")]
    ((name, data),) = await house.told(image_id)
    assert (name, data["task_id"], data["code"]) == ("import.failed", "t1", "abandoned")
    assert data["image"]["os_glimpse_import_error"].startswith("abandoned: ")


@pytest.mark.rule("IMG-721")
async def test_nothing_stays_staged_when_the_operator_says_so(house):
    house = house.configured(import_={"keep_staged_hours": 0})
    image_id = await house.image("importing", stores=(STAGING,))
    await rescue.run_once(house.ports)
    assert (await house.row_of(image_id)).staged_until is None
    assert await house.blobs(image_id) == [(STAGING, "doomed")]


@pytest.mark.parametrize("status", ["pending", "processing"])
async def test_an_import_with_a_task_is_the_importers(house, status):
    """However often it was tried: the importer ends it."""
    image_id = await house.image("importing", stores=(STAGING,), service_properties=LOCKED)
    await a_task(house, image_id, status)
    await house.execute("UPDATE tasks SET lease_until = clock_timestamp() - interval '1 day', attempts = 99")
    assert await rescue.run_once(house.ports) == 0
    assert await house.status(image_id) == "importing"


async def test_a_copy_that_nobody_is_heard_of_is_given_up_whatever_its_image_does(house):
    image_id = await house.image(stores=("fast",))
    await house.copy(image_id, "cheap", "writing", lease=-1)
    await house.copy(image_id, "cheap", "writing", lease=60)
    assert await rescue.run_once(house.ports) == 1
    assert await house.blobs(image_id) == [("fast", "stored"), ("cheap", "doomed"), ("cheap", "writing")]
    assert await house.status(image_id) == "active"


@pytest.mark.rule("IMG-721")
@pytest.mark.parametrize(("until", "states"), [("-1 second", ["doomed"]), ("1 hour", ["stored"])])
async def test_what_stayed_staged_after_a_failed_import_goes_when_its_time_is_over(house, until, states):
    image_id = await house.image("queued", stores=(STAGING,))
    await house.execute("UPDATE images SET staged_until = clock_timestamp() + $1::text::interval", until)
    before = await house.row_of(image_id)
    await rescue.run_once(house.ports)
    assert [state for _store, state in await house.blobs(image_id)] == states
    image = await house.row_of(image_id)
    assert (image.status, image.version) == ("queued", before.version)
    assert await house.names_told(image_id) == []
    assert (image.staged_until is None) == (states == ["doomed"])
    assert await rescue.run_once(house.ports) == 0


@pytest.mark.rule("IMG-721")
async def test_staged_bytes_that_are_in_use_again_stay(house):
    image_id = await house.image("importing", stores=(STAGING,))
    await a_task(house, image_id)
    await house.execute("UPDATE images SET staged_until = clock_timestamp() - interval '1 hour'")
    await rescue.run_once(house.ports)
    assert await house.blobs(image_id) == [(STAGING, "stored")]


async def test_an_upload_that_ends_just_now_is_not_given_back(house):
    """It is found while its lease is over; by the time the row is free it is active."""
    image_id = await in_flight(house, "saving", lease=-1)
    other = await house.holding(image_id)
    rescuing = asyncio.create_task(rescue.run_once(house.ports))
    await _until_somebody_waits_for(house, "images")
    await other.execute("UPDATE blobs SET state = 'stored', lease_until = NULL")
    await other.execute("UPDATE images SET status = 'active', size = 1 WHERE id = $1", image_id)
    await other.execute("COMMIT")
    await other.close()
    assert await rescuing == 0
    assert await house.status(image_id) == "active"
    assert await house.blobs(image_id) == [("fast", "stored")]


async def test_an_import_that_is_asked_for_just_now_is_not_given_back(house):
    """It is found as a dead staging; by the time the row is free there is a task."""
    image_id = await in_flight(house, "uploading", lease=-1, store=STAGING)
    other = await house.holding(image_id)
    rescuing = asyncio.create_task(rescue.run_once(house.ports))
    await _until_somebody_waits_for(house, "images")
    await other.execute("UPDATE blobs SET state = 'stored', lease_until = NULL")
    await other.execute(
        "INSERT INTO tasks (id, type, image_id, input) VALUES ('t1', 'api_image_import', $1, '{}')", image_id
    )
    await other.execute("UPDATE images SET status = 'importing' WHERE id = $1", image_id)
    await other.execute("COMMIT")
    await other.close()
    assert await rescuing == 0
    assert await house.status(image_id) == "importing"


async def test_several_scrubbers_give_an_image_back_once(house):
    image_id = await in_flight(house, "saving", lease=-1)
    assert sum(await asyncio.gather(*(rescue.run_once(house.ports) for _number in range(4)))) == 1
    assert await house.names_told(image_id) == ["upload.failed"]


async def test_what_was_given_back_can_be_filled(house):
    image_id = await in_flight(house, "saving", lease=-1)
    await rescue.run_once(house.ports)
    async with house.database.transaction() as tx:
        await images.move(tx, await images.lock(tx, image_id), Status.SAVING, Mover.API)
    await house.copy(image_id, "fast", "writing", lease=60)
    await doomed.run_once(house.ports)
    assert await rescue.run_once(house.ports) == 0
    assert await house.blobs(image_id) == [("fast", "writing")]


async def _until_somebody_waits_for(house, table):
    async with asyncio.timeout(20):
        while not await house.rows(
            """
            SELECT pid
              FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%' || $1 || '%'
            """,
            table,
        ):
            await asyncio.sleep(0.01)


async def test_of_more_than_a_batch_everything_is_put_right_at_once(house):
    few = house.another(batch=2)
    lost = [await in_flight(house, "saving", lease=-1) for _number in range(5)]
    kept = [await house.image("queued", stores=(STAGING,)) for _number in range(5)]
    for image_id in kept:
        await house.execute("UPDATE images SET staged_until = clock_timestamp() WHERE id = $1", image_id)
    active = await house.image()
    for _number in range(5):
        await house.copy(active, "cheap", "writing", lease=-1)
    assert await rescue.run_once(few.ports) == 15
    assert {await house.status(image_id) for image_id in lost} == {"queued"}
    assert {row["state"] for row in await house.rows("SELECT state FROM blobs WHERE store <> 'fast'")} == {"doomed"}
    assert await rescue.run_once(few.ports) == 0


@pytest.mark.parametrize("status", ["uploading", "importing"])
async def test_staged_bytes_that_are_in_use_again_are_not_counted_as_dropped(house, status):
    image_id = await house.image(status, stores=(STAGING,))
    await a_task(house, image_id)
    await house.execute("UPDATE images SET staged_until = clock_timestamp()")
    assert await rescue.run_once(house.ports) == 0
    assert (await house.row_of(image_id)).staged_until is None
    assert await house.blobs(image_id) == [(STAGING, "stored")]
