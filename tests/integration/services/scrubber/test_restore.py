"""Giving images back: as they were, or with the reason why not."""

import asyncio

import pytest

from glimpse.errors import Conflict, NotFound
from glimpse.image import document
from schemas.events import RestoreRequested
from services.scrubber import doomed, purge, reactions, restore


def shown(image):
    """Show an image without the moment of its last change."""
    return {name: value for name, value in document(image).items() if name != "updated_at"}


@pytest.mark.rule("IMG-234", "IMG-716", "IMG-719", "IMG-723", "OP-5", "OP-79", "OP-80", "OP-82", "OP-115")
@pytest.mark.parametrize("status", ["active", "deactivated"])
async def test_it_comes_back_as_it_was(house, status):
    image_id = await house.image(status, stores=("fast", "cheap"))
    before, blobs = await house.row_of(image_id), await house.blobs(image_id)
    await house.delete(image_id, due_in=3600)
    await house.ask_back(image_id)
    assert await restore.run_once(house.ports) == 1
    image = await house.row_of(image_id)
    assert shown(image) == shown(before)
    assert image.status == status
    assert (image.deleted_at, image.purge_after, image.status_before, image.restore_requested_at) == (None,) * 4
    assert await house.members(image_id) == [("p2", "accepted")]
    assert await house.blobs(image_id) == blobs
    assert await house.bytes_of(image_id, "cheap") == house.content(image_id)
    (_requested, (name, data)) = await house.told(image_id)
    assert (name, data["image"]["status"], data["previous"]) == ("restored", status, {"status": "pending_delete"})
    assert not await house.is_unknown(image_id)


@pytest.mark.rule("OP-81", "OP-141")
async def test_once_it_is_back_no_purge_takes_it(house):
    image_id = await house.deleted()
    await house.ask_back(image_id)
    await restore.run_once(house.ports)
    await purge.run_once(house.ports)
    await doomed.run_once(house.ports)
    assert await house.bytes_of(image_id) == house.content(image_id)
    await house.delete(image_id)
    await purge.run_once(house.ports)
    await doomed.run_once(house.ports)
    assert await house.status(image_id) == "deleted"


async def test_nobody_comes_back_who_was_not_asked_for(house):
    image_id = await house.deleted(due_in=3600)
    assert await restore.run_once(house.ports) == 0
    assert not await restore.give_back(house.ports, image_id)
    assert await house.status(image_id) == "pending_delete"


async def test_an_image_without_bytes_comes_back_empty(house):
    image_id = await house.deleted(status="importing", stores=())
    await house.ask_back(image_id)
    assert await restore.run_once(house.ports) == 1
    assert await house.status(image_id) == "queued"


@pytest.mark.rule("IMG-719", "OP-80")
async def test_when_its_bytes_are_gone_it_is_told_why_and_may_be_purged(house):
    image_id = await house.deleted()
    for key in house.files():
        (house.folder / "fast" / key).unlink()
    await house.ask_back(image_id)
    assert await restore.run_once(house.ports) == 0
    image = await house.row_of(image_id)
    assert (image.status, image.restore_requested_at) == ("pending_delete", None)
    name, data = (await house.told(image_id))[-1]
    assert name == "restore.failed"
    assert data["reason"] == "no store has its bytes any more, or not all of them (fast)"
    await house.ask_back(image_id)  # it can be asked for again
    await restore.run_once(house.ports)
    await purge.run_once(house.ports)
    await doomed.run_once(house.ports)
    assert await house.status(image_id) == "deleted"


async def test_bytes_that_are_not_whole_are_not_given_back(house):
    image_id = await house.deleted()
    for key in house.files():
        with (house.folder / "fast" / key).open("r+b") as file:
            file.truncate(7)
    await house.ask_back(image_id)
    assert await restore.run_once(house.ports) == 0
    assert (await house.names_told(image_id))[-1] == "restore.failed"


async def test_one_whole_copy_is_enough_and_the_lost_one_is_let_go(house):
    image_id = await house.deleted(stores=("fast", "cheap"))
    for key in house.files("fast"):
        (house.folder / "fast" / key).unlink()
    await house.ask_back(image_id)
    assert await restore.run_once(house.ports) == 1
    image = await house.row_of(image_id)
    assert (image.status, image.stores) == ("active", ["cheap"])
    assert await house.blobs(image_id) == [("fast", "doomed"), ("cheap", "stored")]
    assert await house.bytes_of(image_id, "cheap") == house.content(image_id)


async def test_while_a_store_is_away_it_waits_and_no_purge_takes_it(house):
    image_id = await house.deleted()
    await house.ask_back(image_id)
    house.take_away()
    assert await restore.run_once(house.ports) == 0
    await purge.run_once(house.ports)
    assert await house.status(image_id) == "pending_delete"
    blob = await house.row("SELECT state, attempts, last_error, run_at > clock_timestamp() AS waits FROM blobs")
    assert blob == {"state": "stored", "attempts": 1, "last_error": "its store does not answer", "waits": True}
    house.bring_back()
    assert await restore.run_once(house.ports) == 0  # its time has not come
    await house.make_due()
    assert await restore.run_once(house.ports) == 1
    assert await house.bytes_of(image_id) == house.content(image_id)
    assert await house.names_told(image_id) == ["restore.requested", "restored"]
    assert await house.row("SELECT attempts, last_error FROM blobs") == {"attempts": 0, "last_error": None}


async def test_while_its_store_is_not_configured_it_waits_and_no_purge_takes_it(house):
    image_id = await house.deleted(stores=("cheap",))
    await house.ask_back(image_id)
    without = house.configured(stores={"fast": {"paths": [{"path": house.folder / "fast"}]}})
    assert await restore.run_once(without.ports) == 0
    await purge.run_once(without.ports)
    assert await house.blobs(image_id) == [("cheap", "stored")]
    await house.make_due()
    assert await restore.run_once(house.ports) == 1
    assert await house.bytes_of(image_id, "cheap") == house.content(image_id)


async def test_a_store_that_is_away_hinders_nobody_who_has_another_copy(house):
    image_id = await house.deleted(stores=("fast", "cheap"))
    await house.ask_back(image_id)
    house.take_away("fast")
    assert await restore.run_once(house.ports) == 1
    assert (await house.row_of(image_id)).stores == ["fast", "cheap"]
    assert await house.blobs(image_id) == [("fast", "stored"), ("cheap", "stored")]


@pytest.mark.rule("IMG-490")
async def test_the_lock_of_a_copy_that_ended_without_the_image_does_not_come_back(house):
    lock = {"os_glance_import_task": "t1", "os_glance_importing_to_stores": "cheap", "os_glance_failed_import": ""}
    image_id = await house.deleted(service_properties=lock)
    await house.ask_back(image_id)
    await restore.run_once(house.ports)
    assert (await house.row_of(image_id)).service_properties == {
        "os_glance_importing_to_stores": "",
        "os_glance_failed_import": "cheap",
    }


@pytest.mark.rule("OP-78", "OP-114", "IMG-720", "IMG-732")
async def test_a_purge_and_a_restore_at_once_one_wins_and_nothing_is_lost(house):
    """Many times, with everything running: it is back whole, or gone whole and the request was refused."""
    gone = [await house.deleted(stores=("fast", "cheap")) for _number in range(80)]
    scrubbers = [house.another(batch=4) for _number in range(2)]
    promised = {}

    async def ask(image_ids):
        for image_id in image_ids:
            try:
                await house.ask_back(image_id)
                promised[image_id] = True
            except (Conflict, NotFound):  # the purge has begun, or is over
                promised[image_id] = False

    async def scrub(ports):
        await purge.run_once(ports)
        await asyncio.gather(doomed.run_once(ports), restore.run_once(ports))

    # purges begin with the image deleted first, requests with the one deleted last: they meet on their way
    asking = [ask(gone[number::-3]) for number in (79, 78, 77)]
    await asyncio.gather(*asking, *(scrub(each.ports) for each in scrubbers))
    await scrub(house.ports)

    assert set(promised.values()) == {True, False}, "neither may always win, or this shows nothing"
    assert len(promised) == len(gone)
    for image_id, is_promised in promised.items():
        names = await house.names_told(image_id)
        if is_promised:
            assert await house.status(image_id) == "active"
            assert names == ["restore.requested", "restored"]
            assert await house.members(image_id) == [("p2", "accepted")]
            for store in ("fast", "cheap"):
                assert await house.bytes_of(image_id, store) == house.content(image_id)
        else:
            assert await house.status(image_id) == "deleted"
            assert names == ["purged"]
            assert await house.blobs(image_id) == []
            assert not [key for key in house.files("fast") | house.files("cheap") if key.startswith(image_id)]


async def test_two_scrubbers_give_an_image_back_once(house):
    image_id = await house.deleted()
    await house.ask_back(image_id)
    assert sorted(await asyncio.gather(*(restore.give_back(house.ports, image_id) for _number in range(4)))) == [
        False,
        False,
        False,
        True,
    ]
    assert await house.names_told(image_id) == ["restore.requested", "restored"]


async def test_the_news_of_a_request_wakes_the_restore(house):
    await reactions.reactions(house.ports)[RestoreRequested](None, RestoreRequested(subject="i", image={}))
    assert house.ports.asked_back.is_set()


async def test_of_more_than_a_batch_every_one_comes_back_at_once(house):
    few = house.another(batch=2, retry_seconds=0.000001)
    waiting = [await house.deleted(stores=("cheap",)) for _number in range(3)]
    asked = [await house.deleted() for _number in range(5)]
    for image_id in (*waiting, *asked):
        await house.ask_back(image_id)
    house.take_away("cheap")
    assert await restore.run_once(few.ports) == 5  # those of a store that is away do not stand in their way
    assert {await house.status(image_id) for image_id in asked} == {"active"}
    assert {await house.status(image_id) for image_id in waiting} == {"pending_delete"}
