"""Deleting bytes: by claim, again and again until it works, and never under a writer's hands."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from glimpse.settings import Scrubber, Store
from glimpse.stores.catalog import Catalog
from glimpse.stores.filesystem import FilesystemStore
from services.scrubber import doomed, purge
from services.scrubber.queries import copies
from tests.fixtures.waiting import until


async def blob_of(house, image_id):
    return await house.row(
        "SELECT attempts, last_error, run_at > clock_timestamp() AS waits, state FROM blobs WHERE image_id = $1",
        image_id,
    )


@pytest.mark.rule("OP-65", "OP-136", "IMG-730")
async def test_a_copy_that_a_live_image_needs_no_more_goes_alone(house):
    image_id = await house.image(stores=("fast", "cheap"))
    await house.execute("UPDATE blobs SET state = 'doomed' WHERE store = 'cheap'")
    before = await house.row_of(image_id)
    assert await doomed.run_once(house.ports) == 1
    assert await house.blobs(image_id) == [("fast", "stored")]
    assert house.files("cheap") == set()
    assert await house.bytes_of(image_id) == house.content(image_id)
    assert await house.row_of(image_id) == before
    assert await house.names_told(image_id) == []


@pytest.mark.rule("IMG-567", "OP-69")
async def test_bytes_that_are_gone_already_are_no_error(house):
    image_id = await house.deleted()
    for key in house.files():
        (house.folder / "fast" / key).unlink()
    await purge.run_once(house.ports)
    assert await doomed.run_once(house.ports) == 1
    assert await house.status(image_id) == "deleted"


@pytest.mark.rule("IMG-378", "IMG-379", "IMG-730", "OP-137")
async def test_a_store_that_is_away_is_tried_again_and_the_image_goes_when_it_is_back(house):
    image_id = await house.deleted(stores=("fast", "cheap"))
    await purge.run_once(house.ports)
    house.take_away("cheap")
    assert await doomed.run_once(house.ports) == 1  # the other one works
    assert await house.status(image_id) == "pending_delete"
    blob = await blob_of(house, image_id)
    assert (blob["attempts"], blob["waits"], blob["state"]) == (1, True, "doomed")
    assert "mount its volume" in blob["last_error"]

    assert await doomed.run_once(house.ports) == 0  # it is not tried before its time
    assert (await blob_of(house, image_id))["attempts"] == 1
    await house.make_due()
    await doomed.run_once(house.ports)
    assert (await blob_of(house, image_id))["attempts"] == 2

    house.bring_back("cheap")
    await house.make_due()
    assert await doomed.run_once(house.ports) == 1
    assert await house.status(image_id) == "deleted"
    assert house.files("cheap") == set()
    assert await house.names_told(image_id) == ["purged"]


@pytest.mark.rule("OP-64", "OP-138")
async def test_the_copies_of_a_store_that_is_not_configured_any_more_are_kept_in_mind(house):
    image_id = await house.deleted(stores=("fast", "cheap"))
    without = house.configured(stores={"fast": {"paths": [{"path": house.folder / "fast"}]}})
    await purge.run_once(without.ports)
    await doomed.run_once(without.ports)
    assert await house.blobs(image_id) == [("cheap", "doomed")]
    async with house.database.reading() as reader:
        (waiting,) = await copies.list_waiting(reader)
    assert (waiting.store, waiting.copies) == ("cheap", 1)
    assert "there is no store cheap" in waiting.reason
    await house.make_due()
    await doomed.run_once(house.ports)
    assert await house.status(image_id) == "deleted"
    assert house.files("cheap") == set()


@pytest.mark.parametrize(
    ("attempts", "wait"), [(1, 10), (2, 20), (3, 40), (9, 2560), (10, 3600), (11, 3600), (10_000, 3600)]
)
def test_the_wait_doubles_up_to_a_limit(attempts, wait):
    assert doomed.wait_after(Scrubber(), attempts).total_seconds() == wait


async def test_a_claim_is_taken_again_only_when_its_time_is_over(house):
    image_id = await house.deleted()
    await purge.run_once(house.ports)

    async def claim():
        async with house.database.transaction() as tx:
            return await copies.claim_doomed(tx, 10, doomed.seconds(300))

    assert len(await claim()) == 1  # and then its worker dies
    assert await claim() == []
    assert await doomed.run_once(house.ports) == 0
    await house.make_due()
    assert await doomed.run_once(house.ports) == 1
    assert await house.status(image_id) == "deleted"


async def test_a_copy_whose_writer_may_not_have_noticed_is_not_deleted_under_its_hands(house):
    image_id = await house.image("queued", stores=())
    await house.copy(image_id, state="doomed", lease=60)
    assert await doomed.run_once(house.ports) == 0
    assert len(house.files()) == 1
    await house.execute("UPDATE blobs SET lease_until = clock_timestamp()")
    assert await doomed.run_once(house.ports) == 1
    assert house.files() == set()


class Noting(FilesystemStore):
    """A store that notes what it is asked to delete."""

    def __init__(self, name: str, options: Store) -> None:
        super().__init__(name, options)
        self.asked: list[str] = []
        self.at_once = self.most = 0

    async def delete(self, key: str) -> None:
        self.asked.append(key)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        try:
            await super().delete(key)
        finally:
            self.at_once -= 1


@pytest.mark.rule("OP-76")
async def test_each_copy_is_deleted_once_and_no_more_at_once_than_the_settings_say(house):
    for _number in range(50):
        await house.deleted()
    noting = Noting("fast", house.ports.settings.stores["fast"])
    catalog = Catalog({"fast": noting}, house.ports.catalog.staging, "fast")
    scrubbers = [replace(house.another(parallel_deletes=3).ports, catalog=catalog) for _number in range(2)]
    await purge.run_once(house.ports)
    await asyncio.gather(*(doomed.run_once(ports) for ports in scrubbers))
    assert set(Counter(noting.asked).values()) == {1}
    assert len(noting.asked) == 50
    assert 1 < noting.most <= 6


class Surprising(FilesystemStore):
    """A store with a mistake in it."""

    async def delete(self, key: str) -> None:
        raise ZeroDivisionError(key)


async def test_a_mistake_in_a_store_stops_nobody_and_is_kept_in_mind(house):
    image_id = await house.deleted()
    other_id = await house.deleted(stores=("cheap",))
    surprising = Surprising("fast", house.ports.settings.stores["fast"])
    catalog = Catalog(
        {"fast": surprising, "cheap": house.ports.catalog.get("cheap")}, house.ports.catalog.staging, "fast"
    )
    await purge.run_once(house.ports)
    await doomed.run_once(replace(house.ports, catalog=catalog))
    assert await house.status(other_id) == "deleted"
    assert "ZeroDivisionError" in (await blob_of(house, image_id))["last_error"]


class Hanging(FilesystemStore):
    """A store that does not answer."""

    def __init__(self, name: str, options: Store) -> None:
        super().__init__(name, options)
        self.asked = 0
        self.answers = asyncio.Event()

    async def delete(self, key: str) -> None:
        self.asked += 1
        await self.answers.wait()
        await super().delete(key)


@pytest.mark.rule("OP-76")
async def test_a_store_that_hangs_holds_up_no_other(house):
    hang = [await house.deleted(stores=("cheap",)) for _number in range(7)]
    await purge.run_once(house.ports)  # they have been due for longest
    go = [await house.deleted() for _number in range(7)]
    await purge.run_once(house.ports)
    hanging = Hanging("cheap", house.ports.settings.stores["cheap"])
    catalog = Catalog({"fast": house.ports.catalog.get("fast"), "cheap": hanging}, house.ports.catalog.staging, "fast")
    ports = replace(house.another(parallel_deletes=3, sweep_seconds=3600).ports, catalog=catalog)
    running = asyncio.create_task(doomed.run_once(ports))

    async def statuses():
        return {await house.status(image_id) for image_id in go}

    await until(statuses, lambda seen: seen == {"deleted"})
    assert hanging.asked == 3
    go = [await house.deleted()]
    await purge.run_once(ports)  # what is told now is not kept waiting either
    await until(statuses, lambda seen: seen == {"deleted"})
    assert not running.done()
    hanging.answers.set()
    assert await running == 15
    assert {await house.status(image_id) for image_id in hang} == {"deleted"}


async def test_a_scrubber_that_stops_ends_what_it_deletes_and_takes_no_more(house):
    for _number in range(5):
        await house.deleted()
    await purge.run_once(house.ports)
    hanging = Hanging("fast", house.ports.settings.stores["fast"])
    catalog = Catalog({"fast": hanging}, house.ports.catalog.staging, "fast")
    ports = replace(house.another(parallel_deletes=2).ports, catalog=catalog)
    running = asyncio.create_task(doomed.run_once(ports))

    async def asked():
        return hanging.asked

    await until(asked, lambda count: count == 2)
    ports.stopping.set()
    hanging.answers.set()
    assert await running == 2
    assert hanging.asked == 2
