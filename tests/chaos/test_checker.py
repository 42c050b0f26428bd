"""Who looks whether anything is astray sees what is."""

import pytest

OCTETS = {"Content_Type": "application/octet-stream"}


@pytest.mark.parametrize("glimpse", ["log"], indirect=True)
async def test_bytes_rows_and_versions_that_are_astray_are_seen(glimpse, checker):
    image_id = glimpse.create()["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/file", b"whole", **OCTETS).status == 204
    await checker.in_order()
    (file,) = [path for path in glimpse.files("fast") if image_id in str(path)]
    file.rename(file.with_suffix(".stray"))
    with pytest.raises(AssertionError, match="missing"):
        await checker.in_order()
    file.with_suffix(".stray").rename(file)
    await glimpse.query("UPDATE images SET version = version + 1 WHERE id = $1", image_id)  # told to nobody
    with pytest.raises(AssertionError, match=image_id):
        await checker.in_order()
    await glimpse.query("UPDATE images SET version = version - 1 WHERE id = $1", image_id)
    saving = "UPDATE images SET status = 'saving', updated_at = now() + interval '1 hour' WHERE id = $1"
    await glimpse.query(saving, image_id)  # so long nobody comes to its rescue
    with pytest.raises(AssertionError, match="still moving"):
        await checker.in_order(0.2)
