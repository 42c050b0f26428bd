"""The scrubber as a process of its own, killed and stopped."""

import asyncio
import contextlib
import os
import signal
import sys

import pytest

from glimpse import process
from glimpse.bus import leader
from glimpse.database import images
from glimpse.image import document
from schemas.events import ImageDeleted
from services.scrubber import main

CONFIG = """
default_store = "fast"

[postgres]
dsn = "{dsn}"

[stores.fast]
paths = [{{path = "{folder}/fast"}}]

[stores.cheap]
paths = [{{path = "{folder}/cheap"}}]

[staging]
paths = [{{path = "{folder}/staging"}}]

[scrubber]
sweep_seconds = 0.05
claim_seconds = 1
retry_seconds = 0.05
retry_max_seconds = 0.1
abandoned_seconds = 1
parallel_deletes = 2
"""


@pytest.fixture
async def start(house):
    """Start a scrubber on the house's database and stores; returns it once it says that it serves."""
    config = house.folder / "glimpse.toml"
    config.write_text(CONFIG.format(dsn=house.dsn, folder=house.folder))
    started = []

    async def begin():
        reading, writing = os.pipe()
        scrubber = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from glimpse.cli import main; main()",
            "scrubber",
            "--config",
            str(config),
            pass_fds=[writing],
            env={**os.environ, "GLIMPSE_READY_FD": str(writing)},
        )
        started.append(scrubber)
        os.close(writing)
        try:
            assert await asyncio.wait_for(asyncio.to_thread(os.read, reading, 6), 30) == b"ready\n"
        finally:
            os.close(reading)
        return scrubber

    yield begin
    for each in started:
        if each.returncode is None:
            each.kill()
            await each.wait()


async def until(condition):
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.02)


async def test_it_does_all_that_is_due_and_stops_when_told(house, start):
    scrubber = await start()
    gone = await house.deleted()
    back = await house.deleted(due_in=3600)
    await house.ask_back(back)
    lost = await house.image("saving", stores=())

    async def all_done():
        return [await house.status(image_id) for image_id in (gone, back, lost)] == ["deleted", "active", "queued"]

    await until(all_done)
    scrubber.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(scrubber.wait(), 10) == 0


async def doomed_images(house, many):
    """Make images whose purge has begun, and that go in this order."""
    gone = await asyncio.gather(*(house.deleted(stores=("fast", "cheap")) for _number in range(many)))
    await house.execute("UPDATE images SET purge_started_at = clock_timestamp()")
    await house.execute(
        """
        UPDATE blobs
           SET state = 'doomed', run_at = now() - interval '1 hour' + nth * interval '1 ms'
          FROM unnest($1::text[]) WITH ORDINALITY AS ordered (image_id, nth)
         WHERE blobs.image_id = ordered.image_id
        """,
        gone,
    )
    return gone


def keys_of(house, image_id):
    return [key for key in house.files("fast") | house.files("cheap") if key.startswith(image_id)]


@contextlib.asynccontextmanager
async def stuck_at(house, start, image_id):
    """Start a scrubber and let it come as far as an image: its bytes are gone, and its row is held by another."""
    other = await house.holding(image_id)
    scrubber = await start()

    async def bytes_are_gone():
        return not keys_of(house, image_id)

    await until(bytes_are_gone)
    yield scrubber
    await other.close()


@pytest.mark.rule("OP-75", "OP-137")
async def test_killed_between_bytes_and_rows_again_and_again_it_loses_nothing_and_tells_everything_once(house, start):
    gone = await doomed_images(house, 60)
    kept = await house.image(stores=("fast", "cheap"))
    for nth in (10, 30, 50):
        async with stuck_at(house, start, gone[nth]) as scrubber:
            scrubber.kill()
            await scrubber.wait()
        assert await house.status(gone[nth]) == "pending_delete"
        assert {state for _store, state in await house.blobs(gone[nth])} == {"doomed"}
    await start()

    async def all_deleted():
        return not await house.rows("SELECT id FROM images WHERE status = 'pending_delete'")

    await until(all_deleted)
    told = await house.rows("SELECT subject FROM outbox WHERE type = 'io.glimpse.image.purged.v1'")
    assert sorted(row["subject"] for row in told) == sorted(gone)
    assert await house.blobs(kept) == [("fast", "stored"), ("cheap", "stored")]
    assert {key.partition("/")[0] for key in house.files("fast") | house.files("cheap")} == {kept}


async def test_it_stops_in_the_middle_of_much_work_and_leaves_it_whole(house, start):
    gone = await doomed_images(house, 20)
    async with stuck_at(house, start, gone[5]) as scrubber:
        scrubber.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(scrubber.wait(), 10) == 0
    left = await house.rows("SELECT image_id FROM blobs")
    assert {row["image_id"] for row in left} == {image_id for image_id in gone if keys_of(house, image_id)}
    assert set(gone[10:]) <= {row["image_id"] for row in left}


async def test_news_of_a_request_is_heard_long_before_the_clock(house):
    ports = house.another(sweep_seconds=3600).ports
    image_id, gone = await house.deleted(due_in=3600), await house.image()
    running = [
        asyncio.create_task(process.run(main.loops(ports), ports.stopping)),
        asyncio.create_task(leader.follow(house.database, ports.settings.bus, ports.stopping)),
    ]
    await until(
        lambda: house.rows("SELECT name FROM leases WHERE name = 'scrubber.orphans'")
    )  # the first looks are over
    await house.ask_back(image_id)
    await house.delete(gone)
    async with house.database.transaction() as tx:
        image = await images.find_locked(tx, gone)
        await tx.emit(ImageDeleted(subject=gone, version=image.version, image=document(image)))

    async def both_are_done():
        return (await house.status(image_id), await house.status(gone)) == ("active", "deleted")

    await until(both_are_done)
    ports.stopping.set()
    await asyncio.gather(*running)


async def test_it_outlives_its_connections(house, start):
    scrubber = await start()
    await house.rows(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    image_id = await house.deleted()

    async def is_deleted():
        return await house.status(image_id) == "deleted"

    await until(is_deleted)
    assert scrubber.returncode is None


async def test_it_survives_sighup_with_right_settings_and_with_wrong_ones(house, start):
    scrubber = await start()
    for text in ((house.folder / "glimpse.toml").read_text(), "no toml"):
        (house.folder / "glimpse.toml").write_text(text)
        scrubber.send_signal(signal.SIGHUP)
        image_id = await house.deleted()

        async def is_deleted(image_id=image_id):
            return await house.status(image_id) == "deleted"

        await until(is_deleted)
    assert scrubber.returncode is None
