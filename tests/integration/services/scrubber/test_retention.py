"""What was kept for long enough."""

from datetime import timedelta

import pytest

from services.scrubber import doomed, purge, retention


async def a_task(house, status, expires):
    await house.execute(
        """
        INSERT INTO tasks (id, type, status, input, expires_at)
        VALUES ($1 || coalesce($2, ''), 'api_image_import', $1, '{}', clock_timestamp() + $2::text::interval)
        """,
        status,
        expires,
    )


@pytest.mark.rule("IMG-28", "IMG-584", "IMG-585")
async def test_tasks_that_ended_and_expired_are_removed_and_no_others(house):
    for status in ("success", "failure"):
        for expires in ("-1 second", "1 hour"):
            await a_task(house, status, expires)
    for status in ("pending", "processing"):
        await a_task(house, status, None)
    assert await retention.remove_expired_tasks(house.ports) == 2
    left = await house.rows("SELECT id FROM tasks ORDER BY id")
    assert [row["id"] for row in left] == ["failure1 hour", "pending", "processing", "success1 hour"]


@pytest.mark.rule("IMG-715", "OP-84", "OP-85", "OP-120", "OP-141")
async def test_rows_of_images_that_are_long_gone_are_removed_and_their_ids_stay_used(house):
    old, young = await house.deleted(), await house.deleted()
    waiting, restorable, live = await house.deleted(), await house.deleted(due_in=3600), await house.image()
    await purge.run_once(house.ports)
    await house.execute("UPDATE blobs SET run_at = clock_timestamp() + interval '1 day' WHERE image_id = $1", waiting)
    await doomed.run_once(house.ports)
    await house.execute(
        "UPDATE images SET deleted_at = deleted_at - interval '31 days' WHERE id = ANY($1)", [old, waiting, restorable]
    )
    await house.execute("INSERT INTO members (image_id, image_created_at, member) VALUES ($1, now(), 'p3')", old)
    assert await retention.forget_images(house.database, timedelta(days=30)) == 1
    left = await house.rows("SELECT id FROM images")
    assert {row["id"] for row in left} == {young, waiting, restorable, live}
    assert len(await house.rows("SELECT id FROM image_ids")) == 5


async def test_a_copy_of_an_image_whose_row_is_gone_can_still_be_deleted(house):
    image_id = await house.deleted(stores=())
    await purge.run_once(house.ports)
    await retention.forget_images(house.database, timedelta(0))
    await house.copy(image_id, state="doomed")
    assert await doomed.run_once(house.ports) == 1
    assert house.files() == set()
