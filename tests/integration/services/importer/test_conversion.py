"""Images that change their format on the way, with the real qemu-img."""

import hashlib
import shutil
import subprocess

import pytest
from aiohttp import web

pytestmark = pytest.mark.skipif(
    shutil.which("qemu-img") is None, reason="qemu-img is not installed (Debian: qemu-utils)"
)

STAGED = {"name": "glance-direct"}
MIB = 1024**2


def qemu_img(*arguments):
    subprocess.run(["qemu-img", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def raw(noise):
    """A disk of 8 MiB with something in it."""
    return noise + bytes(8 * MIB - len(noise))


@pytest.fixture
def qcow2(raw, tmp_path):
    (tmp_path / "disk.raw").write_bytes(raw)
    qemu_img("convert", "-f", "raw", "-O", "qcow2", tmp_path / "disk.raw", tmp_path / "disk.qcow2")
    return (tmp_path / "disk.qcow2").read_bytes()


@pytest.fixture
def to_raw(house):
    return house.another(convert_to="raw")


async def imported(house, content, disk_format, **columns):
    image_id = await house.importing(disk_format=disk_format, **columns)
    await house.stage(image_id, content)
    task_id = await house.ask(image_id, STAGED, ["fast"])
    await house.work()
    return await house.image(image_id), await house.task(task_id)


def rooms(house):
    """Return the files that are left where conversions work."""
    return [path for path in (house.folder / "scratch").rglob("*") if path.is_file()]


@pytest.mark.rule("OP-39", "IMG-723", "IMG-180")
async def test_a_qcow2_becomes_the_raw_bytes_it_was_made_of(to_raw, qcow2, raw):
    image, task = await imported(to_raw, qcow2, "qcow2")
    assert (image.status, task["error_message"]) == ("active", None)
    assert (image.disk_format, image.container_format) == ("raw", "bare")
    assert image.size == image.virtual_size == len(raw)
    assert await to_raw.bytes_in(image.id, "fast") == raw
    assert image.os_hash_value == hashlib.sha512(raw).hexdigest()
    assert image.service_properties == {
        "os_glance_importing_to_stores": "",
        "os_glance_failed_import": "",
        "os_glimpse_source_hash_algo": "sha512",
        "os_glimpse_source_hash_value": hashlib.sha512(qcow2).hexdigest(),
        "os_glimpse_source_size": str(len(qcow2)),
        "os_glimpse_source_format": "qcow2",
    }
    assert rooms(to_raw) == []


async def test_a_download_is_converted_too(to_raw, qcow2, raw, serve):
    async def handler(request):
        response = web.StreamResponse()
        response.enable_chunked_encoding()  # of unknown length
        await response.prepare(request)
        await response.write(qcow2)
        return response

    image_id = await to_raw.importing(disk_format="qcow2")
    async with serve(handler) as uri:
        digest = f"sha256:{hashlib.sha256(qcow2).hexdigest()}"  # of the bytes as received
        await to_raw.ask(image_id, {"name": "web-download", "uri": uri, "digest": digest}, ["fast", "cheap"])
        await to_raw.work()
    assert (await to_raw.image(image_id)).status == "active"
    assert await to_raw.bytes_in(image_id, "fast") == await to_raw.bytes_in(image_id, "cheap") == raw
    assert rooms(to_raw) == []


async def test_raw_becomes_qcow2(house, raw, tmp_path):
    house = house.another(convert_to="qcow2")
    image, _task = await imported(house, raw, "raw")
    assert (image.status, image.disk_format, image.virtual_size) == ("active", "qcow2", len(raw))
    (tmp_path / "result.qcow2").write_bytes(await house.bytes_in(image.id, "fast"))
    qemu_img("convert", "-f", "qcow2", "-O", "raw", tmp_path / "result.qcow2", tmp_path / "result.raw")
    assert (tmp_path / "result.raw").read_bytes() == raw


@pytest.mark.rule("OP-149")
async def test_a_vhd_is_converted_under_the_name_that_qemu_img_knows(to_raw, raw, tmp_path):
    (tmp_path / "disk.raw").write_bytes(raw)
    qemu_img("convert", "-f", "raw", "-O", "vpc", "-o", "force_size", tmp_path / "disk.raw", tmp_path / "disk.vhd")
    image, _task = await imported(to_raw, (tmp_path / "disk.vhd").read_bytes(), "vhd")
    assert (image.status, image.disk_format) == ("active", "raw")
    assert await to_raw.bytes_in(image.id, "fast") == raw


async def test_what_has_the_format_already_is_not_touched(to_raw, raw):
    image, _task = await imported(to_raw, raw, "raw")
    assert (image.status, image.os_hash_value) == ("active", hashlib.sha512(raw).hexdigest())
    assert "os_glimpse_source_format" not in image.service_properties


def backing_file(folder, _qcow2):
    qemu_img("create", "-f", "qcow2", "-b", folder / "disk.raw", "-F", "raw", folder / "bad.qcow2")
    return (folder / "bad.qcow2").read_bytes()


def data_file(folder, _qcow2):
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={folder / 'data'}", folder / "bad.qcow2", "8M")
    return (folder / "bad.qcow2").read_bytes()


def cut_short(_folder, qcow2):
    return qcow2[: len(qcow2) // 2]


@pytest.mark.rule("IMG-721", "OP-25", "OP-40", "OP-145")
@pytest.mark.parametrize(
    ("make", "code"),
    [(backing_file, "format_unsafe"), (data_file, "format_unsafe"), (cut_short, "corrupt_source")],
)
async def test_a_bad_disk_fails_with_the_reason_and_what_is_staged_can_be_tried_again(
    house, to_raw, qcow2, tmp_path, make, code
):
    content = make(tmp_path, qcow2)
    image, task = await imported(to_raw, content, "qcow2")
    assert (image.status, image.size, task["status"], task["error_code"]) == ("queued", None, "failure", code)
    assert image.disk_format == "qcow2"
    assert image.service_properties["os_glimpse_import_error"] == f"{code}: {task['message']}"
    assert str(tmp_path) not in task["message"]
    assert image.staged_until is not None
    assert (await house.blobs(image.id)) == {"os_glance_staging_store": ["stored"]}
    assert await house.told(image.id) == ["image.import.failed"]
    assert rooms(house) == []

    await house.execute("UPDATE blobs SET state = 'doomed' WHERE image_id = $1", image.id)
    await house.stage(image.id, qcow2)
    await house.again(image.id)
    await house.ask(image.id, STAGED, ["fast"])
    await to_raw.work()
    again = await house.image(image.id)
    assert (again.status, again.disk_format, again.staged_until) == ("active", "raw", None)
    assert "os_glimpse_import_error" not in again.service_properties


@pytest.mark.rule("IMG-721")
async def test_an_import_that_failed_for_a_setting_works_with_what_is_still_staged(house, qcow2, raw):
    cramped = house.another(convert_to="raw", convert_cpu_seconds=60, attempts=1)
    images = cramped.ports.settings.images.model_copy(update={"size_cap_bytes": 4 * MIB})
    object.__setattr__(cramped.ports, "settings", cramped.ports.settings.model_copy(update={"images": images}))
    image, task = await imported(cramped, qcow2, "qcow2")
    assert (image.status, task["error_code"]) == ("queued", "too_large")
    await house.again(image.id)
    await house.ask(image.id, STAGED, ["fast"])
    await house.another(convert_to="raw").work()
    assert await house.bytes_in(image.id, "fast") == raw


@pytest.mark.rule("OP-41")
async def test_what_is_declared_raw_and_is_not_is_refused_where_conversion_is_on(to_raw, qcow2):
    image, task = await imported(to_raw, qcow2, "raw")
    assert (image.status, task["error_code"]) == ("queued", "format_mismatch")


async def test_a_format_that_qemu_img_does_not_know_is_refused(to_raw, raw):
    image, task = await imported(to_raw, raw, "ploop")
    assert (image.status, task["error_code"]) == ("queued", "format_mismatch")


async def test_what_is_no_bare_disk_is_left_alone(to_raw, qcow2):
    image, _task = await imported(to_raw, qcow2, "qcow2", container_format="ovf")
    assert (image.status, image.disk_format, image.container_format) == ("active", "qcow2", "ovf")


async def test_a_conversion_that_finds_no_room_is_put_off_and_then_fails_as_ours(house, qcow2):
    house = house.another(convert_to="raw", attempts=2)
    house.ports.scratch._budget = 1000
    image_id = await house.importing(disk_format="qcow2")
    await house.stage(image_id, qcow2)
    task_id = await house.ask(image_id, STAGED, ["fast"])
    await house.work()
    assert (await house.image(image_id)).status == "importing"
    await house.work()
    task = await house.task(task_id)
    assert (task["status"], task["error_code"]) == ("failure", "store_full")
