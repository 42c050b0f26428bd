"""What is being written stays its writer's, until it is taken away; then the writer hears of it."""

import asyncio

import pytest

from services.api.actions import leases
from tests.fixtures.waiting import until


@pytest.fixture(params=["upload", "stage"])
async def writing(request, api, owner):
    """An upload that goes on until it is let go: its image's id, its answer to come, and what lets it go."""
    image_id = (await owner.create(disk_format="raw", container_format="bare"))["id"]
    go = asyncio.Event()

    async def held():
        yield b"first"
        await go.wait()
        yield b"second"

    act = owner.upload if request.param == "upload" else owner.stage
    answer = asyncio.create_task(act(image_id, held()))
    await until(lambda: asyncio.sleep(0, api.ports.in_flight.writers), len)
    yield image_id, answer, go
    answer.cancel()
    await asyncio.gather(answer, return_exceptions=True)


async def lease(api, image_id):
    async with api.ports.database.reading() as reader:
        return await reader.fetchrow("SELECT state, lease_until FROM blobs WHERE image_id = $1", image_id)


def files(tmp_path):
    return [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".glimpse-store"]


async def test_a_lease_is_renewed_as_long_as_its_bytes_come(api, owner, writing):
    image_id, answer, go = writing
    before = (await lease(api, image_id))["lease_until"]
    assert await leases.renew(api.ports) == 0
    assert (await lease(api, image_id))["lease_until"] > before
    go.set()
    assert (await answer).status == 204
    assert tuple(await lease(api, image_id)) == ("stored", None)
    assert not api.ports.in_flight.writers


@pytest.mark.rule("IMG-410")
async def test_who_writes_what_was_taken_away_is_stopped_at_once(api, owner, writing, tmp_path):
    image_id, answer, _go = writing  # no more of its bytes come
    await api.execute("UPDATE blobs SET state = 'doomed', doomed_at = clock_timestamp()")
    await api.execute("UPDATE images SET status = 'queued'")  # as `rescue` does
    assert await leases.renew(api.ports) == 1
    assert (await answer).status == 410
    assert tuple(await lease(api, image_id)) == ("doomed", None)  # its writer is done, so nobody waits for it
    assert files(tmp_path) == []
    assert (await owner.upload(image_id, b"again")).status == 204


@pytest.mark.rule("IMG-410")
async def test_an_image_that_is_deleted_stops_its_writer(api, owner, writing, tmp_path):
    image_id, answer, _go = writing
    assert (await owner.ask("DELETE", f"/v2/images/{image_id}")).status == 204
    assert (await lease(api, image_id))["lease_until"] is not None  # until its writer has noticed
    assert await leases.renew(api.ports) == 1
    assert (await answer).status == 410
    assert tuple(await lease(api, image_id)) == ("doomed", None)
    assert files(tmp_path) == []


async def test_while_the_database_is_away_bytes_go_on_coming(api, owner, writing, database):
    _image_id, answer, go = writing
    async with database.transaction() as tx:
        await tx.execute("SELECT FROM blobs FOR UPDATE")
        renewing = asyncio.create_task(leases.renew(api.ports))
        waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"
        await until(lambda: tx.fetchval(waiting), bool)
        await tx.execute(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid()
            """
        )
        assert await renewing == 0
    go.set()
    assert (await answer).status == 204


async def test_a_second_upload_takes_an_image_that_was_reset_and_the_first_changes_nothing(api, owner, writing):
    image_id, answer, go = writing
    await api.execute("UPDATE blobs SET state = 'doomed', doomed_at = clock_timestamp()")
    await api.execute("UPDATE images SET status = 'queued'")
    assert (await owner.upload(image_id, b"another")).status == 204
    go.set()
    assert (await answer).status == 410
    assert (await owner.get(f"/v2/images/{image_id}/file")).content == b"another"
    assert sorted(state for _store, state in await api.blobs(image_id)) == ["doomed", "stored"]
