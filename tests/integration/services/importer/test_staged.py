"""glance-direct, from staging to stores."""

import hashlib
import shutil
import stat

import pytest

STAGED = {"name": "glance-direct"}


@pytest.mark.rule("IMG-492", "IMG-202", "IMG-206")
async def test_staged_bytes_become_an_active_image(house, noise):
    image_id = await house.importing()
    await house.stage(image_id, noise)
    task_id = await house.ask(image_id, STAGED, ["fast"])
    assert await house.work() == 1
    image, task = await house.image(image_id), await house.task(task_id)
    assert (image.status, image.size, image.virtual_size, image.stores) == ("active", len(noise), len(noise), ["fast"])
    assert image.checksum == hashlib.md5(noise).hexdigest()
    assert (image.os_hash_algo, image.os_hash_value) == ("sha512", hashlib.sha512(noise).hexdigest())
    assert image.service_properties == {"os_glance_importing_to_stores": "", "os_glance_failed_import": ""}
    assert (task["status"], task["result"], task["error_code"]) == ("success", {"image_id": image_id}, None)
    assert task["expires_at"] is not None
    assert task["lease_owner"] is None
    assert await house.bytes_in(image_id, "fast") == noise
    assert await house.blobs(image_id) == {"os_glance_staging_store": ["doomed"], "fast": ["stored"]}
    assert await house.told(image_id) == ["image.activated"]


@pytest.mark.rule("IMG-493")
async def test_several_stores_are_filled_in_one_read(house, noise):
    image_id = await house.importing()
    await house.stage(image_id, noise)
    await house.ask(image_id, STAGED, ["fast", "cheap"])
    await house.work()
    assert (await house.image(image_id)).stores == ["fast", "cheap"]
    assert await house.bytes_in(image_id, "fast") == await house.bytes_in(image_id, "cheap") == noise


def break_store(house, name):
    """Make a file of the folder that half-written bytes go to."""
    shutil.rmtree(house.folder / name / ".part")
    (house.folder / name / ".part").write_text("")


@pytest.mark.rule("IMG-494")
async def test_a_store_that_fails_is_listed_when_not_all_must_succeed(house, noise):
    image_id = await house.importing()
    await house.stage(image_id, noise)
    task_id = await house.ask(image_id, STAGED, ["fast", "cheap"], all_must=False)
    break_store(house, "cheap")
    await house.work()
    image = await house.image(image_id)
    assert (image.status, image.stores) == ("active", ["fast"])
    assert image.service_properties["os_glance_failed_import"] == "cheap"
    assert (await house.task(task_id))["status"] == "success"
    assert (await house.blobs(image_id))["cheap"] == ["doomed"]


@pytest.mark.rule("IMG-493", "IMG-495", "IMG-721")
async def test_a_store_that_fails_is_tried_again_and_then_fails_all_when_all_must_succeed(house, noise):
    image_id = await house.importing()
    await house.stage(image_id, noise)
    task_id = await house.ask(image_id, STAGED, ["fast", "cheap"])
    break_store(house, "cheap")
    for _attempt in range(2):
        assert await house.work() == 1
        assert (await house.image(image_id)).status == "importing"
        assert (await house.task(task_id))["error_code"] == "store_failed"
    await house.work()
    image, task = await house.image(image_id), await house.task(task_id)
    assert (image.status, image.size, image.stores) == ("queued", None, [])
    assert image.staged_until is not None
    assert image.service_properties["os_glance_failed_import"] == "cheap,fast"
    assert image.service_properties["os_glimpse_import_error"].startswith("store_failed: ")
    assert str(house.folder) not in task["message"]
    assert "os_glance_import_task" not in image.service_properties
    assert (task["status"], task["attempts"]) == ("failure", 3)
    assert set((await house.blobs(image_id))["fast"]) == {"doomed"}
    assert (await house.blobs(image_id))["os_glance_staging_store"] == ["stored"]
    assert await house.told(image_id) == ["image.import.failed"]
    previous = (await house.data_told(image_id))["previous"]
    assert (previous["status"], previous["os_glance_import_task"]) == ("importing", task_id)

    (house.folder / "cheap" / ".part").unlink()
    (house.folder / "cheap" / ".part").mkdir()
    await house.again(image_id)
    await house.ask(image_id, STAGED, ["fast", "cheap"])
    await house.work()
    image = await house.image(image_id)
    assert (image.status, image.staged_until) == ("active", None)
    assert "os_glimpse_import_error" not in image.service_properties


@pytest.mark.rule("IMG-413", "IMG-721")
async def test_bytes_of_another_format_fail_at_once_and_stay_staged(house, noise):
    image_id = await house.importing(disk_format="qcow2")
    await house.stage(image_id, noise)
    task_id = await house.ask(image_id, STAGED, ["fast"])
    await house.work()
    task = await house.task(task_id)
    assert (task["status"], task["error_code"], task["attempts"]) == ("failure", "format_mismatch", 1)
    assert task["message"] == task["error_message"]
    assert (await house.blobs(image_id))["os_glance_staging_store"] == ["stored"]
    assert [path for path in (house.folder / "fast").rglob("*") if path.is_file()] == [
        house.folder / "fast" / ".glimpse-store"
    ]


@pytest.mark.rule("IMG-721")
async def test_nothing_stays_staged_when_the_operator_says_so(house, noise):
    house = house.another(keep_staged_hours=0)
    image_id = await house.importing(disk_format="qcow2")
    await house.stage(image_id, noise)
    await house.ask(image_id, STAGED, ["fast"])
    await house.work()
    assert (await house.image(image_id)).staged_until is None
    assert (await house.blobs(image_id))["os_glance_staging_store"] == ["doomed"]


@pytest.mark.rule("IMG-728")
@pytest.mark.parametrize("right", [True, False])
async def test_an_expected_digest_is_held_against_what_was_staged(house, noise, right):
    image_id = await house.importing()
    await house.stage(image_id, noise)
    value = hashlib.sha256(noise if right else b"").hexdigest()
    task_id = await house.ask(image_id, {"name": "glance-direct", "digest": f"sha256:{value}"}, ["fast"])
    await house.work()
    image, task = await house.image(image_id), await house.task(task_id)
    if right:
        assert image.status == "active"
    else:
        assert (image.status, task["error_code"]) == ("queued", "digest_mismatch")
        assert hashlib.sha256(noise).hexdigest() in task["message"]
        assert value in task["message"]
        assert (await house.blobs(image_id))["os_glance_staging_store"] == ["doomed"]


@pytest.mark.rule("IMG-499")
async def test_a_copy_makes_the_list_of_stores_longer_and_changes_nothing_else(house, noise):
    image_id = await house.importing()
    await house.stage(image_id, noise)
    await house.ask(image_id, STAGED, ["fast"])
    await house.work()
    before = await house.image(image_id)
    await house.ask(image_id, {"name": "copy-image"}, ["fast", "cheap"])
    await house.work()
    after = await house.image(image_id)
    assert after.stores == ["fast", "cheap"]
    for name in ("status", "size", "virtual_size", "checksum", "os_hash_value"):
        assert getattr(after, name) == getattr(before, name)
    assert await house.bytes_in(image_id, "cheap") == noise
    assert after.service_properties == before.service_properties


@pytest.mark.rule("IMG-493")
async def test_a_copy_of_bytes_that_changed_fails_and_the_image_stays_active(house, noise):
    image_id = await house.importing()
    await house.stage(image_id, noise)
    await house.ask(image_id, STAGED, ["fast"])
    await house.work()
    key = (await house.row("SELECT key FROM blobs WHERE image_id = $1 AND store = 'fast'", image_id))["key"]
    path = house.folder / "fast" / key
    path.chmod(path.stat().st_mode | stat.S_IWUSR)
    path.write_bytes(noise[:-1] + b"!" if noise[-1:] != b"!" else noise[:-1] + b"?")
    task_id = await house.ask(image_id, {"name": "copy-image"}, ["cheap"])
    await house.work()
    image = await house.image(image_id)
    assert (image.status, image.stores) == ("active", ["fast"])
    assert (await house.task(task_id))["status"] == "failure"
    assert image.service_properties["os_glance_failed_import"] == "cheap"
