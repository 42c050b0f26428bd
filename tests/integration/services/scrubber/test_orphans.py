"""Stores against rows: what nobody knows is reported, and deleted when the operator says so."""

import asyncio
import os
import time
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from glimpse.errors import Invalid, StoreError
from glimpse.stores.catalog import Catalog
from glimpse.stores.filesystem import FilesystemStore
from schemas.vocabulary import STAGING
from services.scrubber import orphans, sweeps
from services.scrubber.orphans import Kind

HOUR = 3600


async def findings(house, *, delete=False):
    return [finding async for finding in orphans.look(house.ports, delete=delete)]


def age(house, store, key, hours):
    """Let bytes be so old."""
    then = time.time() - hours * HOUR
    os.utime(house.folder / store / key, (then, then))


async def an_orphan(house, store="fast", key="gone/key.1", hours=25):
    folder = "staging" if store == STAGING else store
    if key.startswith(".part/"):
        (house.folder / folder / key).write_bytes(b"half")
    else:
        await house.put(store, key, b"half")
    age(house, folder, key, hours)
    return key


@pytest.mark.rule("OP-30", "OP-135")
@pytest.mark.parametrize("store", ["fast", "cheap", STAGING])
@pytest.mark.parametrize("key", ["gone/key.1", ".part/0123abcd"])
async def test_bytes_that_no_row_knows_are_reported_and_stay(house, store, key):
    image_id = await house.image()
    await an_orphan(house, store, key)
    (found,) = await findings(house)
    assert (found.kind, found.store, found.key, found.size, found.deleted) == (Kind.ORPHAN, store, key, 4, False)
    assert key in house.files(store)
    (found,) = await findings(house, delete=True)
    assert (found.key, found.deleted) == (key, True)
    assert key not in house.files(store)
    assert await findings(house) == []
    assert await house.bytes_of(image_id) == house.content(image_id)


async def test_bytes_that_are_young_may_be_on_their_way(house):
    await house.image()
    key = await an_orphan(house, hours=23)
    assert await findings(house, delete=True) == []
    assert key in house.files()
    assert len(await findings(house.another(orphan_hours=22))) == 1


async def test_bytes_with_a_row_are_none_in_whatever_state(house):
    image_id = await house.image(stores=("fast", STAGING))
    for state in ("writing", "doomed"):
        await house.copy(image_id, "fast", state, lease=60)
    for store, folder in (("fast", "fast"), (STAGING, "staging")):
        for key in house.files(store):
            age(house, folder, key, 99)
    assert await findings(house, delete=True) == []


async def test_bytes_on_their_way_to_a_key_with_a_row_are_none_however_old(house):
    house = house.another(orphan_hours=0)
    image_id = await house.image("saving", stores=())
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def stalling():
        yield b"x" * 2_000_000
        begun.set()
        await go_on.wait()

    key = f"{image_id}/a b%2F.1"
    await house.execute(
        "INSERT INTO blobs (image_id, store, key, state) VALUES ($1, 'fast', $2, 'writing')", image_id, key
    )
    writing = asyncio.create_task(house.ports.catalog.get("fast").write(key, stalling()))
    await begun.wait()
    (part,) = house.files()
    assert part.startswith(".part/")
    assert await findings(house, delete=True) == []
    await house.execute("UPDATE blobs SET state = 'doomed'")  # others delete it
    assert await findings(house, delete=True) == []
    go_on.set()
    assert await writing == 2_000_000


async def test_a_key_that_another_store_knows_is_an_orphan_here(house):
    image_id = await house.image()
    (key,) = house.files()
    await an_orphan(house, "cheap", key)
    (found,) = await findings(house, delete=True)
    assert (found.store, found.key) == ("cheap", key)
    assert await house.bytes_of(image_id) == house.content(image_id)


async def test_a_row_whose_bytes_are_gone_is_told_with_its_image(house):
    image_id = await house.image(stores=("fast", "cheap"))
    (key,) = house.files("cheap")
    (house.folder / "cheap" / key).unlink()
    (found,) = await findings(house, delete=True)
    assert (found.kind, found.store, found.key, found.image_id) == (Kind.MISSING, "cheap", key, image_id)
    assert await house.blobs(image_id) == [("fast", "stored"), ("cheap", "stored")]


async def test_a_row_with_fewer_bytes_than_there_were_is_told(house):
    image_id = await house.image()
    (key,) = house.files()
    with (house.folder / "fast" / key).open("r+b") as file:
        file.truncate(1)
    (found,) = await findings(house)
    assert (found.kind, found.image_id, found.size) == (Kind.DAMAGED, image_id, len(house.content(image_id)))


async def test_a_store_that_is_away_is_one_finding_and_no_loss_of_everything(house):
    for _number in range(3):
        await house.image(stores=("fast", "cheap"))
    house.take_away("fast")
    await an_orphan(house, "cheap")
    away, orphan = await findings(house)
    assert (away.kind, away.store) == (Kind.UNREACHABLE, "fast")
    assert "mount its volume" in away.reason
    assert (orphan.kind, orphan.store) == (Kind.ORPHAN, "cheap")


async def test_rows_of_a_store_that_is_not_configured_are_told(house):
    await house.image(stores=("fast", "cheap"))
    without = house.configured(stores={"fast": {"paths": [{"path": house.folder / "fast"}]}})
    (found,) = await findings(without)
    assert (found.kind, found.store) == (Kind.UNKNOWN_STORE, "cheap")
    assert found.reason.startswith("1 copies")


async def test_with_a_database_that_knows_nothing_nothing_is_deleted(house):
    key = await an_orphan(house)
    with pytest.raises(Invalid, match=r"never known an image.*scrubber\.delete_orphans"):
        await findings(house, delete=True)
    assert key in house.files()
    assert len(await findings(house)) == 1


async def test_stores_of_more_than_a_page_are_walked_to_their_end(house):
    image_id = await house.image()
    many = orphans.PAGE + 17
    for number in range(many):
        path = house.folder / "fast" / f"gone{number}"
        path.write_bytes(b"")
        os.utime(path, (0, 0))
    await house.execute(
        """
        INSERT INTO blobs (image_id, store, key, state, size)
        SELECT $1, 'fast', 'lost' || number, 'stored', 1 FROM generate_series(1, $2) AS number
        """,
        image_id,
        many,
    )
    kinds = [finding.kind for finding in await findings(house)]
    assert (kinds.count(Kind.ORPHAN), kinds.count(Kind.MISSING), len(kinds)) == (many, many, 2 * many)


async def test_of_all_scrubbers_one_looks_in_a_day(house):
    await house.image()
    key = await an_orphan(house)
    assert await orphans.run_once(house.ports) == 1
    assert await orphans.run_once(house.another().ports) == 0
    assert await orphans.run_once(house.ports) == 0
    assert key in house.files()
    await house.execute("UPDATE leases SET until = clock_timestamp()")
    assert await orphans.run_once(house.another(delete_orphans=True).ports) == 1
    assert key not in house.files()


class Surprising(FilesystemStore):
    """A store with a mistake in it."""

    def list_objects(self):
        raise ZeroDivisionError


async def test_a_turn_that_breaks_off_is_given_back(house):
    await an_orphan(house)
    surprising = Surprising("fast", house.ports.settings.stores["fast"])
    catalog = Catalog({"fast": surprising}, house.ports.catalog.staging, "fast")
    with pytest.raises(ZeroDivisionError):
        await orphans.run_once(replace(house.ports, catalog=catalog))
    assert await orphans.run_once(house.another().ports) == 1


async def test_on_a_database_that_knows_nothing_the_scrubber_runs_on_and_deletes_nothing(house):
    key = await an_orphan(house)
    deleting = house.another(delete_orphans=True)
    (sweep,) = (sweep for sweep in sweeps.sweeps(deleting.ports) if sweep.name == "orphans")
    with capture_logs() as said:
        assert await sweep.run_once() == 0
        assert await sweep.run_once() == 0  # it is nobody's turn, so that it is said once
    (line,) = said
    assert (line["event"], line["log_level"]) == ("bytes without a row are not looked for", "error")
    assert "scrubber.delete_orphans" in line["reason"]
    assert key in house.files()


class Dying(FilesystemStore):
    """A store that fails at its third question."""

    asked = 0

    async def size(self, key: str) -> int | None:
        self.asked += 1
        if self.asked == 3:
            raise StoreError("it went away")
        return await super().size(key)


async def test_a_store_that_fails_is_not_asked_any_more(house):
    for _number in range(20):
        await house.image()
    dying = Dying("fast", house.ports.settings.stores["fast"])
    catalog = Catalog({"fast": dying}, house.ports.catalog.staging, "fast")
    ports = replace(house.another(parallel_deletes=2).ports, catalog=catalog)
    (found,) = [finding async for finding in orphans.look(ports, delete=False)]
    assert (found.kind, found.reason) == (Kind.UNREACHABLE, "it went away")
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left
    assert dying.asked < 10  # but for those that were being asked just then
