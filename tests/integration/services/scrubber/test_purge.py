"""Letting images go: who is due, what goes, and what stays."""

import asyncio

import pytest

from schemas.events import ImageDeleted
from services.scrubber import doomed, purge, reactions


async def scrub(house):
    """Purge what is due, bytes and all."""
    await purge.run_once(house.ports)
    await doomed.run_once(house.ports)


@pytest.mark.rule("IMG-233", "IMG-218", "OP-71")
async def test_an_image_that_is_due_goes_with_every_copy_of_its_bytes(house):
    image_id = await house.deleted(stores=("fast", "cheap"))
    await house.copy(image_id, "os_glance_staging_store")
    assert len(house.files("fast")) == len(house.files("cheap")) == 1
    assert await purge.run_once(house.ports) == 1
    assert await house.status(image_id) == "pending_delete"
    assert await doomed.run_once(house.ports) == 3
    image = await house.row_of(image_id)
    assert (image.status, image.stores, image.restore_requested_at) == ("deleted", [], None)
    assert house.files("fast") == house.files("cheap") == house.files("os_glance_staging_store") == set()
    assert await house.blobs(image_id) == []


@pytest.mark.rule("IMG-373", "OP-74")
async def test_with_the_bytes_goes_what_users_said_and_it_is_told(house):
    image_id = await house.deleted()
    before = await house.row_of(image_id)
    await scrub(house)
    image = await house.row_of(image_id)
    assert (image.properties, image.service_properties, image.tags) == ({}, {}, [])
    assert await house.members(image_id) == []
    assert (image.owner, image.size, image.checksum, image.created_at) == ("p1", 3600, "c", before.created_at)
    ((name, data),) = await house.told(image_id)
    assert name == "purged"
    assert (data["image"]["status"], data["image"]["tags"]) == ("deleted", [])
    assert data["previous"] == {
        "status": "pending_delete",
        "os": "linux",
        "ü": "ß",
        "os_glimpse_source_size": "9",
        "tags": ["lts", "small"],
        "stores": "fast",
    }
    told = await house.row("SELECT version, actor FROM outbox")
    assert told["version"] == image.version == before.version + 1
    assert b"scrubber" in told["actor"]


@pytest.mark.rule("IMG-258", "IMG-715", "OP-84", "OP-120")
async def test_the_id_stays_used(house):
    image_id = await house.deleted()
    await scrub(house)
    assert await house.rows("SELECT id FROM image_ids WHERE id = $1", image_id) == [{"id": image_id}]


@pytest.mark.rule("IMG-26", "IMG-217", "OP-73")
async def test_within_the_grace_period_nothing_goes_and_nobody_sees_the_image(house):
    image_id = await house.deleted(due_in=3600)
    await scrub(house)
    assert await house.status(image_id) == "pending_delete"
    assert await house.is_unknown(image_id)
    assert await house.bytes_of(image_id) == house.content(image_id)
    assert await house.names_told(image_id) == []


async def test_without_copies_it_ends_at_once(house):
    image_id = await house.deleted(stores=())
    assert await purge.run_once(house.ports) == 1
    assert await house.status(image_id) == "deleted"
    assert await house.names_told(image_id) == ["purged"]


@pytest.mark.rule("IMG-719")
async def test_what_was_asked_back_is_left_alone(house):
    image_id = await house.deleted()
    await house.ask_back(image_id)
    await scrub(house)
    assert await house.status(image_id) == "pending_delete"
    assert await house.blobs(image_id) == [("fast", "stored")]


async def test_images_of_others_that_are_live_are_not_touched(house):
    live = [await house.image(status) for status in ("active", "deactivated")]
    await house.deleted()
    await scrub(house)
    for image_id in live:
        assert await house.bytes_of(image_id) == house.content(image_id)


async def test_more_images_than_one_look_takes_all_go(house):
    house = house.another(batch=3)
    gone = [await house.deleted() for _number in range(8)]
    await scrub(house)
    assert {await house.status(image_id) for image_id in gone} == {"deleted"}


@pytest.mark.rule("OP-76")
async def test_of_several_scrubbers_each_takes_its_own_and_every_image_is_purged_once(house):
    gone = [await house.deleted(stores=("fast", "cheap")) for _number in range(200)]
    scrubbers = [house.another(batch=7) for _number in range(3)]
    begun = await asyncio.gather(*(purge.run_once(each.ports) for each in scrubbers))
    deleted = await asyncio.gather(*(doomed.run_once(each.ports) for each in scrubbers))
    assert (sum(begun), sum(deleted)) == (200, 400)
    told = await house.rows("SELECT subject FROM outbox WHERE type = 'io.glimpse.image.purged.v1'")
    assert sorted(row["subject"] for row in told) == sorted(gone)
    assert house.files("fast") == house.files("cheap") == set()
    assert await house.rows("SELECT id FROM images WHERE status <> 'deleted'") == []


@pytest.mark.rule("OP-75", "OP-137")
async def test_a_purge_that_nothing_moves_on_is_taken_again(house):
    image_id = await house.deleted()
    other_id = await house.deleted()
    await purge.run_once(house.ports)
    await house.execute("DELETE FROM blobs WHERE image_id = $1", image_id)  # an operator gave a copy up
    await house.execute("UPDATE blobs SET state = 'stored' WHERE image_id = $1", other_id)
    assert await purge.take_again(house.ports) == 0  # its time is not over
    assert await purge.take_again(house.another(claim_seconds=0.001).ports) == 2
    assert await house.status(image_id) == "deleted"
    await doomed.run_once(house.ports)
    assert await house.status(other_id) == "deleted"
    assert await purge.take_again(house.another(claim_seconds=0.001).ports) == 0


async def test_purges_that_wait_for_a_store_are_not_taken_again_and_again(house):
    image_id = await house.deleted()
    house.take_away()
    await scrub(house)
    assert await purge.take_again(house.another(claim_seconds=0.001).ports) == 0
    assert await house.status(image_id) == "pending_delete"


async def test_the_news_of_a_deletion_wakes_the_purge(house):
    await reactions.reactions(house.ports)[ImageDeleted](None, ImageDeleted(subject="i", image={}))
    assert house.ports.deleted.is_set()


async def test_who_is_asked_to_stop_begins_nothing_more(house):
    image_id = await house.deleted()
    house.ports.stopping.set()
    await scrub(house)
    assert await house.status(image_id) == "pending_delete"
    assert await house.blobs(image_id) == [("fast", "stored")]
