"""The image row, locked, moved and written."""

from dataclasses import replace

import asyncpg
import pytest

from glimpse.database import images
from glimpse.database.pool import Database
from glimpse.errors import IllegalMove, NotFound
from glimpse.image import document
from glimpse.lifecycle import Mover
from schemas.events import ImageUpdated
from schemas.vocabulary import Status

IMAGE = "3f1d6d0e-5b7c-4a3e-9b7d-2a2f0c6a9e11"


@pytest.fixture(autouse=True)
async def an_image(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("INSERT INTO image_ids (id) VALUES ($1)", IMAGE)
    await connection.execute("INSERT INTO images (id, status, visibility) VALUES ($1, 'queued', 'shared')", IMAGE)
    await connection.close()


async def test_a_saved_row_reads_back_one_version_on(database: Database) -> None:
    async with database.transaction() as tx:
        image = await images.lock(tx, IMAGE)
        saved = await images.save(tx, replace(image, name="alpine", properties={"os": "ü"}, tags=["lts"]))
    async with database.reading() as reader:
        assert await images.find(reader, IMAGE) == saved
    assert (saved.version, saved.name) == (image.version + 1, "alpine")
    assert saved.updated_at > image.updated_at


async def test_a_move_that_the_lifecycle_does_not_know_changes_nothing(database: Database) -> None:
    with pytest.raises(IllegalMove):
        async with database.transaction() as tx:
            await images.move(tx, await images.lock(tx, IMAGE), Status.DEACTIVATED, Mover.API)
    async with database.reading() as reader:
        image = await images.find(reader, IMAGE)
    assert image is not None
    assert image.status is Status.QUEUED


async def test_an_id_that_was_never_used_is_not_found(database: Database) -> None:
    async with database.transaction() as tx:
        with pytest.raises(NotFound):
            await images.lock(tx, "no such image")


async def test_what_is_told_is_written_down_with_the_commit_and_never_without(database: Database) -> None:
    await _update(database)
    with pytest.raises(ZeroDivisionError):
        await _update(database, fail=True)
    async with database.reading() as reader:
        rows = await reader.fetch("SELECT type, subject, version FROM outbox")
    assert [tuple(row) for row in rows] == [("io.glimpse.image.updated.v1", IMAGE, 2)]


async def _update(database: Database, *, fail: bool = False) -> None:
    async with database.transaction() as tx:
        image = await images.save(tx, await images.lock(tx, IMAGE))
        await tx.emit(ImageUpdated(subject=image.id, version=image.version, image=document(image)))
        if fail:
            raise ZeroDivisionError
