"""`glimpse restore`, `scrub`, `orphans` and `db purge`, as an operator types them."""

import asyncio
import json
import os
import sys
import uuid

import pytest

CONFIG = """
[postgres]
dsn = "{dsn}"

[stores.fast]
paths = [{{path = "{folder}/fast"}}]

[staging]
paths = [{{path = "{folder}/staging"}}]
"""


@pytest.fixture
def glimpse(dsn, tmp_path):
    """Type a command; returns what it leaves with, what it prints, and what it complains of."""
    config = tmp_path / "glimpse.toml"
    config.write_text(CONFIG.format(dsn=dsn, folder=tmp_path))

    async def typed(*words):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from glimpse.cli import main; main()",
            *words,
            "--config",
            str(config),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode(), err.decode()

    return typed


@pytest.fixture
async def a_deleted_image(database, tmp_path):
    """The id of an image that is due, with its bytes in a store."""
    image_id = str(uuid.uuid4())
    (tmp_path / "fast" / image_id).mkdir(parents=True)
    (tmp_path / "fast" / image_id / "key").write_bytes(b"bytes")
    async with database.transaction() as tx:
        await tx.execute("INSERT INTO image_ids (id) VALUES ($1)", image_id)
        await tx.execute(
            """
            INSERT INTO images (id, status, visibility, size, stores, deleted_at, status_before, purge_after)
            VALUES ($1, 'pending_delete', 'shared', 5, '{fast}', clock_timestamp(), 'deactivated', clock_timestamp())
            """,
            image_id,
        )
        await tx.execute(
            "INSERT INTO blobs (image_id, store, key, state, size) VALUES ($1, 'fast', $1 || '/key', 'stored', 5)",
            image_id,
        )
    return image_id


async def status(database, image_id):
    async with database.reading() as reader:
        return await reader.fetchval("SELECT status FROM images WHERE id = $1", image_id)


@pytest.mark.rule("IMG-719", "OP-114")
async def test_a_restore_is_asked_for_and_the_next_scrub_does_it(glimpse, database, a_deleted_image):
    left_with, said, _complaint = await glimpse("restore", a_deleted_image)
    assert (left_with, said) == (
        0,
        f"image {a_deleted_image} will be deactivated again: a running scrubber sees to it in a moment\n",
    )
    assert await status(database, a_deleted_image) == "pending_delete"
    left_with, said, _complaint = await glimpse("scrub", "--once")
    assert (left_with, said.splitlines()[:2]) == (0, ["restored: 1", "abandoned, and given back: 0"])
    assert await status(database, a_deleted_image) == "deactivated"


@pytest.mark.rule("IMG-720", "IMG-732")
async def test_a_restore_that_can_not_be_is_refused_in_one_line(glimpse, database, a_deleted_image):
    assert await glimpse("restore", "none") == (1, "", "glimpse: no deleted image none is left to restore\n")
    async with database.transaction() as tx:
        await tx.execute("UPDATE images SET purge_started_at = clock_timestamp()")
    left_with, said, complaint = await glimpse("restore", a_deleted_image)
    assert (left_with, said) == (1, "")
    assert complaint.count("\n") == 1
    assert "can not be restored any more" in complaint


async def test_a_scrub_says_what_it_did_and_what_waits(glimpse, database, a_deleted_image, tmp_path):
    async with database.transaction() as tx:
        await tx.execute(
            "INSERT INTO blobs (image_id, store, key, state) VALUES ($1, 'old', $1 || '/key', 'doomed')",
            a_deleted_image,
        )
    left_with, said, _complaint = await glimpse("scrub", "--once")
    assert left_with == 0
    assert said.splitlines() == [
        "restored: 0",
        "abandoned, and given back: 0",
        "purges begun: 1",
        "copies deleted: 1",
        "expired tasks removed: 0",
        "waiting for store old: 1 copies (there is no store old; there are fast)",
    ]
    assert not (tmp_path / "fast" / a_deleted_image).exists()
    left_with, said, complaint = await glimpse("scrub")
    assert (left_with, said) == (1, "")
    assert "--once" in complaint


async def test_orphans_are_listed_and_deleted_when_asked(glimpse, a_deleted_image, tmp_path):
    assert (await glimpse("orphans"))[:2] == (0, "every byte has its row, and every row its bytes\n")
    orphan = tmp_path / "fast" / "orphan"
    orphan.write_bytes(b"lost")
    os.utime(orphan, (0, 0))
    assert (await glimpse("orphans"))[:2] == (0, "orphan         fast  orphan  4 bytes\n1 found\n")
    left_with, said, _complaint = await glimpse("orphans", "--delete", "--json")
    finding = json.loads(said)
    assert left_with == 0
    assert (finding["kind"], finding["key"], finding["deleted"]) == ("orphan", "orphan", True)
    assert finding["modified_at"] == "1970-01-01T00:00:00+00:00"
    assert not orphan.exists()


async def test_bytes_that_are_missing_are_told_and_left_with(glimpse, a_deleted_image, tmp_path):
    (tmp_path / "fast" / a_deleted_image / "key").unlink()
    left_with, said, _complaint = await glimpse("orphans")
    assert left_with == 1
    assert said.startswith(f"missing        fast  {a_deleted_image}/key  image {a_deleted_image}  5 bytes\n")


@pytest.mark.rule("OP-84", "OP-85", "OP-141")
async def test_rows_of_images_that_are_gone_are_removed(glimpse, database, a_deleted_image):
    assert (await glimpse("db", "purge", "--days", "0"))[:2] == (0, "0 rows of images removed\n")
    assert (await glimpse("db", "purge", "--json"))[:2] == (0, '{"removed": 0}\n')
    await glimpse("scrub", "--once")
    assert (await glimpse("db", "purge"))[:2] == (0, "0 rows of images removed\n")
    assert (await glimpse("db", "purge", "--days", "0"))[:2] == (0, "1 rows of images removed\n")
    assert await status(database, a_deleted_image) is None
