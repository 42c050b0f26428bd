"""Images that nobody hashed, and copies that are not what is recorded."""

import asyncio
import hashlib
import os
import sys
from asyncio.subprocess import PIPE

import pytest

from services.importer import jobs
from services.importer.hashing import queries, rehash
from services.importer.hashing.pace import Pace

STAGED = {"name": "glance-direct"}
CONTENT = b"some bytes" * 1000


async def an_active(house, *stores, **columns):
    """Make an image with bytes; its columns may be changed to what an older release has left."""
    image_id = await house.importing()
    await house.stage(image_id, CONTENT)
    await house.ask(image_id, STAGED, list(stores or ("fast",)))
    await house.work()
    for name, value in columns.items():
        await house.execute(f"UPDATE images SET {name} = $2 WHERE id = $1", image_id, value)
    return image_id


async def ask(house, algorithm=None, *, again=True):
    async with house.database.transaction() as tx:
        return await queries.ask(tx, algorithm, "sha512", again=again)


async def work(house, rate=0):
    done = 0
    while some := await rehash.run_once(house.ports, Pace(rate)):
        done += some
    return done


def spoil(house, store, content):
    """Write other bytes over every copy in a store."""
    for path in (house.folder / store).rglob("*"):
        if path.is_file() and path.name != ".glimpse-store":
            os.chmod(path, 0o600)
            path.write_bytes(content)


async def never(key, offset=0, length=None):
    """Read as a store does whose bytes do not come."""
    await asyncio.Event().wait()
    yield b""


UNHASHED = {"os_hash_algo": None, "os_hash_value": None}


@pytest.mark.rule("OP-108", "OP-124", "IMG-725")
async def test_what_nobody_hashed_is_hashed_and_told_and_no_client_sees_the_work(house):
    image_id = await an_active(house, "fast", "cheap", **UNHASHED, checksum=None)
    before = await house.image(image_id)
    assert await rehash.fill(house.ports) == 1
    assert await rehash.fill(house.ports) == 0
    assert await work(house) == 1
    image = await house.image(image_id)
    assert (image.os_hash_algo, image.os_hash_value) == ("sha512", hashlib.sha512(CONTENT).hexdigest())
    assert image.checksum == hashlib.md5(CONTENT).hexdigest()
    assert image.updated_at == before.updated_at
    assert (await house.told(image_id))[-1] == "image.hashed"
    assert (await house.data_told(image_id))["previous"] == {
        "checksum": None, "os_hash_algo": None, "os_hash_value": None,
    }  # fmt: skip
    assert await house.row("SELECT type, status FROM tasks WHERE image_id = $1 AND type = 'rehash'", image_id) == {
        "type": "rehash",
        "status": "success",
    }
    assert await ask(house) == 0
    assert await jobs.claim(house.ports, 10) == []


@pytest.mark.rule("OP-108")
async def test_another_algorithm_takes_the_place_of_the_one_it_was_checked_with(house):
    image_id = await an_active(house)
    assert await ask(house, "sha256") == 1
    await work(house)
    image = await house.image(image_id)
    assert (image.os_hash_algo, image.os_hash_value) == ("sha256", hashlib.sha256(CONTENT).hexdigest())
    assert await ask(house, "sha256") == 0


@pytest.mark.rule("OP-124")
@pytest.mark.parametrize("wrong", [{"size": 3}, {"checksum": "0" * 32}, {"os_hash_value": "0" * 128}])
async def test_what_does_not_fit_the_bytes_is_told_and_never_overwritten(house, wrong):
    image_id = await an_active(house, **(wrong if "os_hash_value" in wrong else UNHASHED | wrong))
    before = await house.image(image_id)
    assert await ask(house, "sha256") == 1
    await work(house)
    assert await house.image(image_id) == before
    assert (await house.told(image_id))[-1] == "image.corruption.detected"
    told = await house.data_told(image_id)
    assert told["store"] == "fast"
    assert str(next(iter(wrong.values()))) in told["reason"]
    task = await house.row("SELECT * FROM tasks WHERE image_id = $1 AND type = 'rehash'", image_id)
    assert (task["status"], task["error_code"]) == ("failure", "corrupt")
    assert await rehash.fill(house.ports) == 0  # not again before its task is forgotten


@pytest.mark.parametrize("spoiled", [b"other", None])
async def test_a_copy_that_is_lost_or_not_like_the_others_keeps_the_image_as_it_is(house, spoiled):
    image_id = await an_active(house, "fast", "cheap", **UNHASHED, checksum=None)
    if spoiled is None:
        for path in (house.folder / "cheap").rglob(f"{image_id}*/*"):
            path.unlink()
    else:
        spoil(house, "cheap", CONTENT[::-1])
    await ask(house)
    await work(house)
    assert (await house.image(image_id)).os_hash_value is None
    assert (await house.told(image_id))[-1] == "image.corruption.detected"


async def test_a_copy_that_never_ends_is_read_no_further_than_it_may_be_and_holds_nobody_up(house, monkeypatch):
    endless, other = await an_active(house, "fast"), await an_active(house, "cheap", **UNHASHED)
    await house.execute("UPDATE images SET os_hash_value = NULL WHERE id = $1", endless)

    async def for_ever(key, offset=0, length=None):
        while True:
            yield bytes(4096)
            await asyncio.sleep(0)

    monkeypatch.setattr(house.ports.catalog.get("fast"), "read", for_ever)
    await ask(house)
    async with asyncio.timeout(20):
        await work(house)
    assert (await house.told(endless))[-1] == "image.corruption.detected"
    assert f"more than the {len(CONTENT)} bytes" in (await house.data_told(endless))["reason"]
    assert (await house.image(other)).os_hash_value is not None


async def test_one_that_hangs_keeps_its_place_and_no_other(house, monkeypatch):
    hanging = await an_active(house, "fast", **UNHASHED)

    monkeypatch.setattr(house.ports.catalog.get("fast"), "read", never)
    monkeypatch.setattr(rehash, "POLL", rehash.POLL / 200)
    await ask(house)
    stop = asyncio.Event()
    following = asyncio.create_task(rehash.follow(lambda: house.ports, stop))
    try:
        async with asyncio.timeout(20):
            while (await house.row("SELECT status FROM tasks WHERE type = 'rehash'"))["status"] != "processing":
                await asyncio.sleep(0.02)
            others = [await an_active(house, "cheap", **UNHASHED) for _ in range(rehash.AT_ONCE + 1)]
            await ask(house)
            while any([(await house.image(each)).os_hash_value is None for each in others]):
                await asyncio.sleep(0.02)
    finally:
        stop.set()
        await asyncio.wait_for(following, 20)
    assert (await house.image(hanging)).os_hash_value is None


async def test_a_copy_that_does_not_come_in_time_is_tried_again_later(house, monkeypatch):
    await an_active(house, "fast", **UNHASHED)

    monkeypatch.setattr(house.ports.catalog.get("fast"), "read", never)
    await ask(house)
    assert await rehash.run_once(house.another(deadline_hours=0.1 / 3600).ports, Pace(0)) == 1
    task = await house.row("SELECT lease_owner, error_code FROM tasks WHERE type = 'rehash'")
    assert task == {"lease_owner": None, "error_code": "store_failed"}


async def test_a_task_that_a_dead_worker_had_is_done_by_another(house):
    image_id = await an_active(house, **UNHASHED)
    await ask(house)
    async with house.database.transaction() as tx:
        (task,) = await queries.claim_due(tx, "dead", 10, rehash.POLL)
    assert await rehash.run_once(house.ports, Pace(0)) == 0
    await house.execute("UPDATE tasks SET lease_until = clock_timestamp() WHERE id = $1", task.id)
    assert await work(house) == 1
    assert (await house.image(image_id)).os_hash_value is not None


async def test_who_is_asked_to_stop_gives_back_what_is_not_done(house, monkeypatch):
    image_id = await an_active(house, **UNHASHED)
    await ask(house)
    monkeypatch.setattr(house.ports.catalog.get("fast"), "read", never)
    stop = asyncio.Event()
    following = asyncio.create_task(rehash.follow(lambda: house.ports, stop))
    async with asyncio.timeout(20):
        while (await house.row("SELECT status FROM tasks WHERE type = 'rehash'"))["status"] != "processing":
            await asyncio.sleep(0.02)
    stop.set()
    await asyncio.wait_for(following, 20)
    task = await house.row("SELECT lease_owner, attempts FROM tasks WHERE type = 'rehash'")
    assert task == {"lease_owner": None, "attempts": 0}
    monkeypatch.undo()
    await work(house)
    assert (await house.image(image_id)).os_hash_value is not None


async def test_an_image_that_is_deleted_meanwhile_needs_no_hash(house):
    image_id = await an_active(house, **UNHASHED)
    await ask(house)
    await house.execute(
        """
        UPDATE images
           SET status = 'pending_delete', status_before = 'active', deleted_at = now(), purge_after = now()
         WHERE id = $1
        """,
        image_id,
    )
    assert await work(house) == 1
    assert (await house.image(image_id)).os_hash_value is None


@pytest.fixture
def run(house):
    """Run a command of an operator's on this house; it is a process of its own, with its own log."""
    settings = house.ports.settings
    told = [
        f"postgres.dsn={settings.postgres.dsn.get_secret_value()}",
        *(f"stores.{name}.paths=[{{path = '{house.folder / name}'}}]" for name in ("fast", "cheap")),
        "default_store=fast",
        f"staging.paths=[{{path = '{house.folder / 'staging'}'}}]",
        f"import.scratch_dir={house.folder / 'scratch2'}",
    ]
    options = [word for each in told for word in ("--set", each)]

    async def run(*words):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "glimpse.cli", *words, *options, stdout=PIPE, stderr=PIPE
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode(), err.decode()

    return run


@pytest.mark.rule("OP-108", "OP-124")
async def test_operators_ask_for_hashes_and_look_at_every_copy(house, run):
    image_id = await an_active(house, "fast", "cheap", **UNHASHED)
    new = "1 images more will be hashed; 1 wait for running importers\n"
    assert await run("rehash", "--missing") == (0, new, "")
    assert (await run("rehash"))[1] == new.replace("1 images", "0 images")
    await work(house)
    whole = "1 images were read, 0 of them have a copy that is not what is recorded\n"
    assert (await run("verify", "--bytes-per-second", "0"))[:2] == (0, whole)
    spoil(house, "cheap", b"cut")
    status, said, _log = await run("verify")
    assert status == 1
    assert said.splitlines()[0] == f"image {image_id}  cheap  it has 3 bytes, but 10000 are recorded"
    assert (await house.data_told(image_id))["store"] == "cheap"
    assert (await run("verify", "--after", image_id))[1] == whole.replace("1 images", "0 images")
    assert "can not be hashed with 'shake_128'" in (await run("rehash", "--algorithm", "shake_128"))[2]
