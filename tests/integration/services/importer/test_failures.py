"""Each step of each method fails in each way: what is left, what the owner is told, and that a second try works."""

import asyncio
import gzip
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from aiohttp import web
from pydantic import SecretStr

from glimpse import sealed
from tests.fixtures import crafted
from tests.integration.services.importer.conftest import serving

KEY = sealed.new_private_key()
STORES = ["fast", "cheap"]
THERE = "11111111-2222-4333-8444-555555555555"
UNSIGNED = dict.fromkeys(
    ("img_signature", "img_signature_hash_method", "img_signature_key_type", "img_signature_certificate_uuid"), "x"
)
ENDED = {"os_glance_importing_to_stores": "", "os_glance_failed_import": ""}


@dataclass
class Source:
    """A server, or another image service, that can be told to fail."""

    content: bytes = b""
    disk_format: str = "raw"
    status: int = 200
    breaks: bool = False
    hangs: bool = False
    uri: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.status != 200:
            return web.Response(status=self.status)
        if request.path == f"/v2/images/{THERE}":
            known = {"status": "active", "size": len(self.content), "container_format": "bare"}
            return web.json_response(known | {"disk_format": self.disk_format, "hw_disk_bus": "scsi"})
        if not (self.breaks or self.hangs):
            return web.Response(body=self.content)
        response = web.StreamResponse(headers={"Content-Length": str(len(self.content))})
        await response.prepare(request)
        await response.write(self.content[: len(self.content) // 2])
        while self.hangs and request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.02)
        if request.transport is not None:
            request.transport.close()
        return response


@dataclass
class Fault:
    """What goes wrong in a first try: settings, bytes, or what is done to the house before it."""

    code: str
    content: object = None
    rules: dict = field(default_factory=dict)
    images: dict = field(default_factory=dict)
    method: dict = field(default_factory=dict)
    source: dict = field(default_factory=dict)
    disk_format: str = "raw"
    properties: dict = field(default_factory=dict)
    is_bytes_fault: bool = False
    """Whether what is staged is no good for a second try."""
    is_kept: bool = True
    """Whether what is staged stays."""
    breaks_store: bool = False
    loses_staged: bool = False


def cut_short(noise: bytes, folder: Path) -> bytes:
    (folder / "disk.raw").write_bytes(noise)
    command = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", folder / "disk.raw", folder / "disk.qcow2"]
    subprocess.run(command, check=True)
    content = (folder / "disk.qcow2").read_bytes()
    return content[: len(content) // 2]


EXPAND = {"plugins": ("decompression",)}
FAULTS = {
    "other bytes than were meant": Fault(
        "digest_mismatch", method={"digest": "sha256:" + "0" * 64}, is_kept=False, is_bytes_fault=True
    ),
    "a damaged archive": Fault(
        "corrupt_source", lambda noise, _: gzip.compress(noise)[:-9], EXPAND, is_bytes_fault=True
    ),
    "a bomb": Fault(
        "too_large", lambda _noise, _: gzip.compress(bytes(9 * 2**20)), EXPAND,
        images={"size_cap_bytes": 8 * 2**20}, is_bytes_fault=True,
    ),
    "another format": Fault("format_mismatch", disk_format="qcow2", is_bytes_fault=True),
    "a disk that leads elsewhere": Fault(
        "format_unsafe", lambda *_: crafted.qcow2(backing=b"/etc/passwd"), disk_format="qcow2", is_bytes_fault=True
    ),
    "a disk that can not be converted": Fault(
        "corrupt_source", cut_short, {"convert_to": "raw"}, disk_format="qcow2", is_bytes_fault=True
    ),
    "no room in the scratch folder": Fault(
        "store_full", lambda *_: crafted.qcow2(), {"convert_to": "raw", "scratch_bytes": 1}, disk_format="qcow2",
        is_bytes_fault=True,
    ),
    "more than the cap": Fault("too_large", images={"size_cap_bytes": 1000}),
    "more than the quota": Fault("over_quota", images={"user_storage_quota": "1MB"}),
    "a signature that can not be verified": Fault("signature_invalid", properties=UNSIGNED),
    "a store that is broken": Fault("store_failed", breaks_store=True),
    "a source that is gone": Fault("source_not_found", source={"status": 404}, loses_staged=True, is_bytes_fault=True),
    "a source that is down": Fault("source_unreachable", source={"status": 503}),
    "a source that refuses": Fault("source_refused", source={"status": 403}),
    "a source that breaks off": Fault("source_unreachable", source={"breaks": True}),
    "a source that hangs": Fault("deadline", rules={"deadline_hours": 1 / 3600}, source={"hangs": True}),
}  # fmt: skip
METHODS = ("glance-direct", "web-download", "glance-download")
CASES = [
    (method, what)
    for method in METHODS
    for what, fault in FAULTS.items()
    if method != "glance-direct" or not fault.source or fault.loses_staged
]


@pytest.fixture
async def source(noise):
    source = Source(noise)
    async with serving(source.answer) as uri:
        source.uri = uri
        yield source


def importer(house, source, **rules):
    """Return an importer that tries once, and may ask the other image service."""
    images = rules.pop("images", {})
    base = source.uri.removesuffix("/disk")
    made = house.another(attempts=1, sealing_key=SecretStr(KEY), glance_regions={"west": base}, **rules)
    settings = made.ports.settings
    changed = settings.model_copy(update={"images": settings.images.model_copy(update=images)})
    object.__setattr__(made.ports, "settings", changed)
    if "scratch_bytes" in rules:
        object.__setattr__(made.ports, "scratch", type(house.ports.scratch)(house.folder / "small", 1))
    return made


async def ask(house, image_id, method, source, **more):
    asked = {
        "glance-direct": {"name": method},
        "web-download": {"name": method, "uri": source.uri},
        "glance-download": {"name": method, "glance_region": "west", "glance_image_id": THERE},
        "copy-image": {"name": method},
    }[method]
    stores = ["cheap"] if method == "copy-image" else STORES
    task_id = await house.ask(image_id, asked | more, stores)
    secret = json.dumps({"endpoint": source.uri.removesuffix("/disk"), "token": "t"})
    told = {"roles": ["member"], "sealed": sealed.seal(sealed.public_key_of(KEY), task_id, secret)}
    await house.execute("UPDATE tasks SET caller = $2 WHERE id = $1", task_id, told)
    return task_id


def broken(house, name):
    """Put a file where a store makes its parts; returns how to put it right."""
    part = house.folder / name / ".part"
    shutil.rmtree(part)
    part.write_text("")

    def repair():
        part.unlink()
        part.mkdir()

    return repair


async def check_nothing_is_left(house, image, task, fault, method):
    assert (image.status, image.size, image.virtual_size) == ("queued", None, None)
    assert (image.checksum, image.os_hash_algo, image.os_hash_value, image.stores) == (None, None, None, [])
    assert (image.disk_format, image.properties) == (fault.disk_format, fault.properties)
    assert (task["status"], task["error_code"], task["progress"]) == ("failure", fault.code, None)
    assert task["message"] == task["error_message"]
    assert len(task["message"]) > 10
    assert str(house.folder) not in task["message"]
    assert image.service_properties == {
        "os_glance_importing_to_stores": "",
        "os_glance_failed_import": "cheap,fast",
        "os_glimpse_import_error": f"{fault.code}: {task['message']}",
    }
    assert task["caller"] is None
    copies = await house.blobs(image.id)
    is_kept = method == "glance-direct" and fault.is_kept
    staged = copies.pop("os_glance_staging_store", [])
    assert staged == (["stored"] if is_kept else ["doomed"] if method == "glance-direct" else [])
    assert (image.staged_until is not None) == is_kept
    assert {state for states in copies.values() for state in states} <= {"doomed"}
    assert (await house.told(image.id))[-1] == "image.import.failed"
    assert (await house.data_told(image.id))["code"] == fault.code
    assert [path for path in (house.folder / "scratch").rglob("*") if path.is_file()] == []


@pytest.mark.rule(
    "IMG-493", "IMG-495", "IMG-496", "IMG-497", "IMG-721", "OP-13", "OP-25", "OP-40", "OP-126", "OP-128", "OP-132"
)  # fmt: skip
@pytest.mark.parametrize(("method", "what"), CASES)
async def test_a_failure_leaves_a_way_out_and_says_why(house, noise, tmp_path, source, method, what):
    fault = FAULTS[what]
    if "convert_to" in fault.rules and shutil.which("qemu-img") is None:
        pytest.skip("qemu-img is not installed")
    content = fault.content(noise, tmp_path) if fault.content else noise
    first = importer(house, source, images=fault.images, **fault.rules)
    source.content, source.disk_format = content, fault.disk_format
    vars(source).update(fault.source)
    image_id = await house.importing(disk_format=fault.disk_format)
    await house.execute("UPDATE images SET properties = $2 WHERE id = $1", image_id, fault.properties)
    if method == "glance-direct":
        await house.stage(image_id, content)
    if fault.loses_staged:
        for path in (house.folder / "staging").rglob("staged-*"):
            path.unlink()
    repair = broken(house, "cheap") if fault.breaks_store else lambda: None
    task_id = await ask(house, image_id, method, source, **fault.method)
    assert await first.work() == 1
    await check_nothing_is_left(house, await house.image(image_id), await house.task(task_id), fault, method)

    repair()
    vars(source).update(status=200, breaks=False, hangs=False, content=noise, disk_format="raw")
    await house.execute("UPDATE images SET disk_format = 'raw', properties = '{}' WHERE id = $1", image_id)
    await house.again(image_id)
    if method == "glance-direct" and fault.is_bytes_fault:  # staging again lets go of what was there
        await house.execute("UPDATE blobs SET state = 'doomed' WHERE image_id = $1", image_id)
        await house.stage(image_id, noise)
    task_id = await ask(house, image_id, method, source)
    assert await importer(house, source).work() == 1
    image, task = await house.image(image_id), await house.task(task_id)
    assert (image.status, task["status"], task["error_code"]) == ("active", "success", None)
    assert (image.stores, image.service_properties, image.staged_until) == (STORES, ENDED, None)
    assert await house.bytes_in(image_id, "fast") == await house.bytes_in(image_id, "cheap") == noise


@pytest.mark.rule("IMG-494", "OP-21")
@pytest.mark.parametrize("method", METHODS)
async def test_one_store_that_fails_need_not_fail_all_and_a_copy_fills_it_later(house, noise, source, method):
    image_id = await house.importing()
    if method == "glance-direct":
        await house.stage(image_id, noise)
    repair = broken(house, "cheap")
    task_id = await ask(house, image_id, method, source)
    await house.execute(
        "UPDATE tasks SET input = jsonb_set(input, '{import_req,all_stores_must_succeed}', 'false') WHERE id = $1",
        task_id,
    )
    await importer(house, source).work()
    image, task = await house.image(image_id), await house.task(task_id)
    assert (image.status, image.stores, task["status"]) == ("active", ["fast"], "success")
    assert image.service_properties == ENDED | {"os_glance_failed_import": "cheap"}
    assert task["message"].startswith("not in cheap: ")

    repair()
    await ask(house, image_id, "copy-image", source)
    await importer(house, source).work()
    assert (await house.image(image_id)).service_properties == ENDED
    assert await house.bytes_in(image_id, "cheap") == noise


COPY_FAULTS = {
    "a store that is broken": ("store_failed", {}),
    "a copy that is gone": ("source_not_found", {}),
    "a copy that was changed": ("digest_mismatch", {}),
    "more than the quota": ("over_quota", {"user_storage_quota": "4MB"}),
    "more than the cap": ("too_large", {"size_cap_bytes": 1000}),
}


@pytest.mark.rule("IMG-493", "IMG-499", "OP-20")
@pytest.mark.parametrize("what", list(COPY_FAULTS))
async def test_a_copy_that_fails_leaves_the_image_as_it_was(house, noise, source, what):
    code, images = COPY_FAULTS[what]
    image_id = await house.importing()
    await house.stage(image_id, noise)
    await house.ask(image_id, {"name": "glance-direct"}, ["fast"])
    await house.work()
    before = await house.image(image_id)
    (whole,) = [path for path in (house.folder / "fast").rglob("*") if path.is_file() and path.stat().st_size > 1000]
    repair = broken(house, "cheap") if what == "a store that is broken" else lambda: None
    if what == "a copy that is gone":
        whole.unlink()
    if what == "a copy that was changed":
        whole.chmod(0o600)
        whole.write_bytes(noise[::-1])
    task_id = await ask(house, image_id, "copy-image", source)
    await importer(house, source, images=images).work()
    image, task = await house.image(image_id), await house.task(task_id)
    assert (task["status"], task["error_code"]) == ("failure", code)
    for name in ("status", "size", "virtual_size", "checksum", "os_hash_value", "stores"):
        assert getattr(image, name) == getattr(before, name)
    assert image.service_properties["os_glance_failed_import"] == "cheap"
    assert "os_glance_import_task" not in image.service_properties
    assert (await house.blobs(image_id)).get("cheap", ["doomed"]) == ["doomed"]

    repair()
    whole.unlink(missing_ok=True)
    whole.write_bytes(noise)
    await ask(house, image_id, "copy-image", source)
    await importer(house, source).work()
    assert (await house.image(image_id)).stores == STORES
    assert await house.bytes_in(image_id, "cheap") == noise
