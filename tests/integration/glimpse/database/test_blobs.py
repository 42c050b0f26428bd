"""Rows of copies: what lets go of which, and whose lease stays."""

from datetime import timedelta

import pytest

from glimpse.database import blobs
from schemas.vocabulary import STAGING

IMAGE = "3f1d6d0e-5b7c-4a3e-9b7d-2a2f0c6a9e11"


@pytest.fixture
async def copy(database):
    """The row of a copy that somebody is writing."""
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO image_ids (id) VALUES ($1)", IMAGE)
        return await blobs.insert(tx, IMAGE, STAGING, f"{IMAGE}/1", timedelta(minutes=2))


async def has_lease(tx):
    row = await tx.fetchrow("SELECT state, lease_until IS NOT NULL AS has_lease FROM blobs")
    assert row["state"] == "doomed"
    return row["has_lease"]


async def doom_of_images(tx, image_id):
    await blobs.doom_of_images(tx, [image_id])


async def doom_these(tx, image_id):
    await blobs.doom_these(tx, [await tx.fetchval("SELECT id FROM blobs WHERE image_id = $1", image_id)])


@pytest.mark.parametrize(
    "doom", [blobs.doom_unfinished, blobs.doom_staged, blobs.doom_unneeded, doom_of_images, doom_these]
)
async def test_what_another_may_still_be_writing_keeps_its_lease(database, copy, doom):
    async with database.transaction() as tx:
        await doom(tx, IMAGE)
        assert await has_lease(tx)
        assert await blobs.renew(tx, [copy], timedelta(minutes=2)) == set()


async def test_what_its_writer_gives_up_has_none(database, copy):
    async with database.transaction() as tx:
        assert await blobs.doom(tx, copy)
        assert not await has_lease(tx)


SHELF = {("fast", "stored"), ("cheap", "writing"), (STAGING, "stored"), ("slow", "doomed")}
"""Copies of one image, in every state that matters."""


@pytest.fixture
async def shelf(database):
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO image_ids (id) VALUES ($1)", IMAGE)
        for store, state in SHELF:
            blob = await blobs.insert(tx, IMAGE, store, f"{IMAGE}/{store}", timedelta(minutes=2))
            if state == "stored":
                assert await blobs.mark_stored(tx, [blob], 9)
                await tx.execute("UPDATE blobs SET attempts = 3, last_error = 'away' WHERE id = $1", blob)
            if state == "doomed":
                assert await blobs.doom(tx, blob)


async def doom_the_fast_one(tx, image_id):
    await blobs.doom_copy(tx, image_id, "fast")


@pytest.mark.usefixtures("shelf")
@pytest.mark.parametrize(
    ("doom", "stores"),
    [
        (blobs.doom_unfinished, {"cheap"}),
        (blobs.doom_half_stored, {"cheap"}),
        (blobs.doom_staged, {STAGING}),
        (blobs.doom_unneeded, {"cheap", STAGING}),
        (doom_the_fast_one, {"fast"}),
        (doom_of_images, {"fast", "cheap", STAGING}),
    ],
)
async def test_each_lets_go_of_what_it_says_and_the_scrubber_begins_anew_with_it(database, doom, stores):
    async with database.transaction() as tx:
        await doom(tx, IMAGE)
        rows = await tx.fetch("SELECT store, attempts, last_error FROM blobs WHERE state = 'doomed'")
    assert {row["store"] for row in rows} == {"slow", *stores}
    assert {(row["attempts"], row["last_error"]) for row in rows} == {(0, None)}


@pytest.mark.usefixtures("shelf")
async def test_a_delete_knows_whether_there_is_anything_to_restore(database):
    async with database.transaction() as tx:
        assert (await blobs.doom_unneeded(tx, IMAGE))[0]
        await blobs.doom_copy(tx, IMAGE, "fast")
        assert not (await blobs.doom_unneeded(tx, IMAGE))[0]


@pytest.mark.usefixtures("shelf")
async def test_copies_are_whole_together_or_one_was_given_up(database):
    async with database.transaction() as tx:
        ids = [row["id"] for row in await tx.fetch("SELECT id FROM blobs WHERE store IN ('cheap', 'slow')")]
        assert not await blobs.mark_stored(tx, ids, 9)
        assert {copy.store for copy in await blobs.list_copies(tx, IMAGE)} == {"fast", "cheap"}
