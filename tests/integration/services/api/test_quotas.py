"""Storage quotas over a socket: what fits together gets in, and not one byte more."""

import asyncio
import random

import pytest

OCTETS = {"Content-Type": "application/octet-stream"}


async def pieces(content, size=20_000):
    """Send a body of a length that is not announced."""
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]
        await asyncio.sleep(0)


async def a_queued(owner):
    return (await owner.create(disk_format="raw", container_format="bare"))["id"]


@pytest.fixture(
    params=[
        {"images": {"user_storage_quota": "1MB"}},
        {"limits": {"enabled": True, "image_size_total_mib": 1}},  # IMG-638, IMG-740
    ],
    ids=["user_storage_quota", "image_size_total"],
)
def settings(request, settings):
    return {**settings, **request.param}


@pytest.mark.rule("IMG-17", "IMG-405", "IMG-629")
@pytest.mark.parametrize("announced", [True, False])
async def test_what_does_not_fit_is_refused_and_the_image_stays_usable(owner, announced):
    await owner.create_active(bytes(2**20 - 1000))
    image_id = await a_queued(owner)
    answer = await owner.upload(image_id, bytes(1001) if announced else pieces(bytes(1001)))
    assert (answer.status, b"quota" in answer.content) == (413, True)
    assert (await owner.show(image_id))["status"] == "queued"
    assert (await owner.upload(image_id, bytes(1000))).status == 204


@pytest.mark.rule("IMG-641")
async def test_what_is_deleted_makes_room(owner):
    image = await owner.create_active(bytes(2**20))
    assert (await owner.upload(await a_queued(owner), b"x")).status == 413
    assert (await owner.ask("DELETE", f"/v2/images/{image['id']}")).status == 204
    assert (await owner.upload(await a_queued(owner), b"x")).status == 204


@pytest.mark.rule("IMG-722")
async def test_what_is_staged_does_not_count_and_nobody_owns_no_quota(owner, stranger, admin):
    await owner.create_active(bytes(2**20))
    image_id = await a_queued(owner)
    assert (await owner.stage(image_id, bytes(2**20))).status == 204
    assert (await stranger.create_active(bytes(2**20)))["status"] == "active"
    nobodys = await admin.create(owner=None, disk_format="raw", container_format="bare")
    assert (await admin.upload(nobodys["id"], bytes(2**20 + 1))).status == 204


@pytest.mark.rule("IMG-405")
async def test_a_hundred_uploads_at_once_never_take_one_byte_too_many(api, owner):
    dice = random.Random(6)
    contents = [dice.randbytes(dice.randrange(1, 40_000)) for _ in range(100)]
    assert sum(map(len, contents)) > 2**20
    ids = [await a_queued(owner) for _ in contents]
    answers = await asyncio.gather(
        *(owner.upload(image_id, pieces(content)) for image_id, content in zip(ids, contents, strict=True))
    )
    assert {answer.status for answer in answers} == {204, 413}
    async with api.ports.database.reading() as reader:
        kept = await reader.fetchval("SELECT sum(size) FROM blobs WHERE state = 'stored'")
    accepted = sum(len(content) for content, answer in zip(contents, answers, strict=True) if answer.status == 204)
    assert accepted == kept <= 2**20


async def test_all_that_fit_together_get_in(owner):
    contents = [bytes(2**20 // 32)] * 32
    ids = [await a_queued(owner) for _ in contents]
    answers = await asyncio.gather(
        *(owner.upload(image_id, pieces(content)) for image_id, content in zip(ids, contents, strict=True))
    )
    assert {answer.status for answer in answers} == {204}
