"""What an operator has done to images on their way: decompression, conversion, properties of his own."""

import bz2
import gzip
import hashlib
import lzma
import shutil
import subprocess

import lz4.frame
import pytest
from aiohttp import web

from glimpse.formats.compression import zstd

STAGED = {"name": "glance-direct"}
COMPRESS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lambda content: lzma.compress(content, preset=1),
    "zstd": zstd.compress,
    "lz4": lz4.frame.compress,
}
needs_qemu_img = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed")


@pytest.fixture
def expanding(house):
    return house.another(plugins=("decompression",))


@pytest.fixture
def qcow2(noise, tmp_path):
    (tmp_path / "disk.raw").write_bytes(noise + bytes(8 * 2**20 - len(noise)))
    command = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", tmp_path / "disk.raw", tmp_path / "disk.qcow2"]
    subprocess.run(command, check=True)
    return (tmp_path / "disk.qcow2").read_bytes()


async def imported(house, content, method=STAGED, stores=("fast",), **columns):
    image_id = await house.importing(**columns)
    if method["name"] == "glance-direct":
        await house.stage(image_id, content)
    task_id = await house.ask(image_id, method, list(stores))
    while await house.work():
        pass
    return await house.image(image_id), await house.task(task_id)


def limited(house, **images):
    """Return an importer with other settings in [images]."""
    house = house.another(attempts=1)
    settings = house.ports.settings
    changed = settings.model_copy(update={"images": settings.images.model_copy(update=images)})
    object.__setattr__(house.ports, "settings", changed)
    return house


@pytest.mark.rule("OP-38", "IMG-723", "IMG-492")
@pytest.mark.parametrize("name", list(COMPRESS))
async def test_compressed_bytes_are_stored_as_what_they_hold_and_what_came_is_told(expanding, noise, name):
    packed = COMPRESS[name](noise)
    digest = f"sha256:{hashlib.sha256(packed).hexdigest()}"
    image, task = await imported(expanding, packed, STAGED | {"digest": digest}, ["fast", "cheap"])
    assert (image.status, task["error_message"]) == ("active", None)
    assert await expanding.bytes_in(image.id, "fast") == await expanding.bytes_in(image.id, "cheap") == noise
    assert (image.size, image.virtual_size) == (len(noise), len(noise))
    assert image.os_hash_value == hashlib.sha512(noise).hexdigest()
    told = {name.removeprefix("os_glimpse_source_"): value for name, value in image.service_properties.items()}
    assert (told["format"], told["size"]) == (name, str(len(packed)))
    assert told["hash_value"] == hashlib.sha512(packed).hexdigest()
    assert (image.disk_format, image.container_format) == ("raw", "bare")


@pytest.mark.rule("IMG-728")
async def test_the_digest_that_is_expected_is_that_of_the_bytes_as_they_came(expanding, noise):
    digest = f"sha256:{hashlib.sha256(noise).hexdigest()}"
    image, task = await imported(expanding, gzip.compress(noise), STAGED | {"digest": digest})
    assert (image.status, task["error_code"]) == ("queued", "digest_mismatch")
    assert await expanding.blobs(image.id) == {"os_glance_staging_store": ["doomed"], "fast": ["doomed"]}


@pytest.mark.rule("OP-35", "OP-38")
async def test_nothing_is_expanded_unless_the_operator_wants_it_or_where_it_is_to_stay_compressed(
    house, expanding, noise
):
    packed = gzip.compress(noise)
    image, _task = await imported(house, packed)
    assert await house.bytes_in(image.id, "fast") == packed
    image, _task = await imported(expanding, packed, container_format="compressed")
    assert await house.bytes_in(image.id, "fast") == packed
    assert "os_glimpse_source_format" not in image.service_properties


@pytest.mark.rule("OP-38")
@pytest.mark.parametrize("content", [b"", b"\x1f", b"short", b"PK\x03\x04" + bytes(100)])
async def test_what_is_not_compressed_passes_as_it_is(expanding, content):
    image, task = await imported(expanding, content)
    assert (image.status, task["error_message"]) == ("active", None)
    assert await expanding.bytes_in(image.id, "fast") == content


@pytest.mark.parametrize("name", list(COMPRESS))
async def test_a_damaged_stream_fails_for_good_with_the_reason(expanding, noise, name):
    image, task = await imported(expanding, COMPRESS[name](noise)[:-10])
    assert (image.status, task["error_code"], task["attempts"]) == ("queued", "corrupt_source", 1)
    assert name in task["message"]


@pytest.mark.rule("OP-38", "IMG-16")
@pytest.mark.parametrize("name", list(COMPRESS))
async def test_a_bomb_fails_at_the_cap_with_a_sentence(house, name):
    house = limited(house.another(plugins=("decompression",)), size_cap_bytes=4 * 2**20)
    image, task = await imported(house, COMPRESS[name](bytes(12 * 2**20)))
    assert (image.status, task["error_code"]) == ("queued", "too_large")
    assert "4194304 bytes" in task["message"]
    assert (await house.blobs(image.id))["fast"] == ["doomed"]


@pytest.mark.rule("OP-38", "IMG-722")
async def test_a_bomb_fails_at_what_is_left_of_the_quota(house):
    house = limited(house.another(plugins=("decompression",)), user_storage_quota="5MB")
    image, task = await imported(house, gzip.compress(bytes(12 * 2**20)))
    assert image.status == "queued"
    assert "quota" in task["message"]


@needs_qemu_img
@pytest.mark.rule("OP-35", "OP-38")
async def test_a_compressed_disk_is_expanded_and_then_converted(house, qcow2, noise):
    house = house.another(plugins=("decompression", "conversion"), convert_to="raw")
    packed = COMPRESS["zstd"](qcow2)
    image, task = await imported(house, packed, disk_format="qcow2")
    assert (image.status, image.disk_format, task["error_message"]) == ("active", "raw", None)
    assert (await house.bytes_in(image.id, "fast"))[: len(noise)] == noise
    assert image.service_properties["os_glimpse_source_format"] == "zstd"
    assert image.service_properties["os_glimpse_source_hash_value"] == hashlib.sha512(packed).hexdigest()


@needs_qemu_img
async def test_what_is_inside_is_inspected_like_everything_else(expanding, qcow2):
    image, task = await imported(expanding, gzip.compress(qcow2), disk_format="vmdk")
    assert (image.status, task["error_code"]) == ("queued", "format_mismatch")


async def test_a_download_is_expanded_too(expanding, noise, serve):
    packed = gzip.compress(noise)

    async def give(_request):
        return web.Response(body=packed)

    async with serve(give) as uri:
        image, _task = await imported(expanding, b"", {"name": "web-download", "uri": uri})
    assert await expanding.bytes_in(image.id, "fast") == noise


@pytest.mark.rule("OP-35", "OP-37", "IMG-492")
async def test_the_operators_properties_win_over_the_users_and_are_told(house, noise):
    house = house.another(plugins=("inject_metadata",), inject={"hw_disk_bus": "scsi", "checked": "yes"})
    image_id = await house.importing()
    await house.execute(
        "UPDATE images SET properties = $2 WHERE id = $1", image_id, {"hw_disk_bus": "ide", "mine": "1"}
    )
    await house.stage(image_id, noise)
    await house.ask(image_id, STAGED, ["fast"])
    await house.work()
    wanted = {"hw_disk_bus": "scsi", "checked": "yes", "mine": "1"}
    assert (await house.image(image_id)).properties == wanted
    assert (await house.data_told(image_id))["image"]["hw_disk_bus"] == "scsi"


@pytest.mark.rule("OP-37")
@pytest.mark.parametrize(("roles", "injected"), [(["admin", "member"], {}), (["member"], {"a": "b"}), ([], {"a": "b"})])
async def test_who_has_a_role_that_is_named_gets_none_of_them(house, noise, roles, injected):
    house = house.another(plugins=("inject_metadata",), inject={"a": "b"}, inject_not_for_roles=("Admin",))
    image_id = await house.importing()
    await house.stage(image_id, noise)
    task_id = await house.ask(image_id, STAGED, ["fast"])
    await house.execute("UPDATE tasks SET caller = $2 WHERE id = $1", task_id, {"roles": roles})
    await house.work()
    assert (await house.image(image_id)).properties == injected
    assert (await house.task(task_id))["caller"] is None


@pytest.mark.rule("OP-35")
async def test_a_copy_is_spared_the_plugins(house, noise):
    packed = gzip.compress(noise)
    image, _task = await imported(house, packed)
    house = house.another(plugins=("decompression", "inject_metadata"), inject={"a": "b"})
    await house.ask(image.id, {"name": "copy-image"}, ["cheap"])
    await house.work()
    assert await house.bytes_in(image.id, "cheap") == packed
    assert (await house.image(image.id)).properties == {}
