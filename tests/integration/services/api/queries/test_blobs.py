"""Rows of copies: whose lease stays when they are doomed."""

from datetime import timedelta

import pytest

from schemas.vocabulary import STAGING
from services.api.queries import blobs

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


@pytest.mark.parametrize("doom", [blobs.doom_unfinished, blobs.doom_staged])
async def test_what_another_may_still_be_writing_keeps_its_lease(database, copy, doom):
    async with database.transaction() as tx:
        await doom(tx, IMAGE)
        assert await has_lease(tx)
        assert await blobs.renew(tx, [copy], timedelta(minutes=2)) == set()


async def test_what_its_writer_gives_up_has_none(database, copy):
    async with database.transaction() as tx:
        assert await blobs.doom(tx, copy)
        assert not await has_lease(tx)
