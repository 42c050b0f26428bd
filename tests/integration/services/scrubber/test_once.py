"""Everything that is due, once."""

from schemas.vocabulary import STAGING
from services.scrubber import once


async def test_everything_that_is_due_is_done_however_small_a_batch_is(house):
    few = house.another(batch=2, parallel_deletes=2)
    back = [await house.deleted() for _number in range(5)]
    for image_id in back:
        await house.ask_back(image_id)
    lost = [await house.image("saving", stores=()) for _number in range(5)]
    kept = [await house.image("queued", stores=(STAGING,)) for _number in range(5)]
    await house.execute("UPDATE images SET staged_until = clock_timestamp() WHERE id = ANY($1)", kept)
    gone = [await house.deleted(stores=("fast", "cheap")) for _number in range(5)]
    assert await once.run(few.ports) == [
        "restored: 5",
        "abandoned, and given back: 10",
        "purges begun: 5",
        "copies deleted: 15",
        "expired tasks removed: 0",
    ]
    assert [await house.status(image_id) for image_id in back] == ["active"] * 5
    assert [await house.status(image_id) for image_id in lost] == ["queued"] * 5
    assert [await house.status(image_id) for image_id in gone] == ["deleted"] * 5
    assert house.files(STAGING) == set()
