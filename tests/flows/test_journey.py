"""One image's whole journey, as a user makes it: from `glimpse up` to the purge."""

import hashlib
import random
import shutil
import subprocess
import uuid
from pathlib import Path

import pytest

NOISE = random.Random(5).randbytes(2_000_000)
LETTER = b"written into a real filesystem\n"
OCTETS = {"Content_Type": "application/octet-stream"}
V21 = {"Content_Type": "application/openstack-images-v2.1-json-patch"}


@pytest.fixture(scope="module")
def glimpse(roomy, start):
    """A Glimpse that converts what is imported, and takes bytes from loopback."""
    with start(
        roomy,
        "--set",
        "scrubber.sweep_seconds=0.1",
        "--set",
        'import.allowed_networks=["127.0.0.1/32"]',
        "--set",
        "import.allowed_ports=[]",
        "--set",
        'import.convert_to="raw"',
    ) as running:
        yield running


def test_an_upload_comes_back_whole_and_in_parts(glimpse):
    image_id = str(uuid.uuid4())
    glimpse.create(id=image_id, name="mine")
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/file", NOISE, **OCTETS).status == 204
    image = glimpse.show(image_id)
    assert (image["status"], image["size"], image["os_hash_algo"]) == ("active", len(NOISE), "sha512")
    assert image["checksum"] == hashlib.md5(NOISE).hexdigest()
    assert image["os_hash_value"] == hashlib.sha512(NOISE).hexdigest()
    assert glimpse.ask("GET", f"/v2/images/{image_id}/file").content == NOISE
    part = glimpse.ask("GET", f"/v2/images/{image_id}/file", Range="bytes=1000-1999")
    assert (part.status, part.content) == (206, NOISE[1000:2000])


def test_staged_bytes_are_imported(glimpse):
    image_id = glimpse.create()["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/stage", NOISE, **OCTETS).status == 204
    assert glimpse.show(image_id)["status"] == "uploading"
    wish = {"method": {"name": "glance-direct"}, "stores": ["cheap"]}
    assert glimpse.ask("POST", f"/v2/images/{image_id}/import", wish).status == 202
    image = glimpse.wait(image_id, lambda image: image["status"] == "active")
    assert image["stores"] == "cheap"
    assert glimpse.ask("GET", f"/v2/images/{image_id}/file").content == NOISE
    facts = ["created", "stage.started", "staged", "import.requested", "activated"]
    glimpse.until(lambda: glimpse.facts(image_id) == facts)


def test_a_real_disk_is_fetched_and_converted(glimpse, web, tmp_path):
    address, folder = web
    disk = a_disk_with_a_letter(tmp_path)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, folder / "disk.qcow2"], check=True)
    sent = (folder / "disk.qcow2").read_bytes()
    image_id = glimpse.create(disk_format="qcow2")["id"]
    wish = {"method": {"name": "web-download", "uri": f"{address}/disk.qcow2"}}
    assert glimpse.ask("POST", f"/v2/images/{image_id}/import", wish).status == 202
    image = glimpse.wait(image_id, lambda image: image["status"] == "active")
    stored = glimpse.ask("GET", f"/v2/images/{image_id}/file").content
    assert (image["disk_format"], image["size"], image["virtual_size"]) == ("raw", len(stored), disk.stat().st_size)
    assert image["os_hash_value"] == hashlib.sha512(stored).hexdigest()
    assert image["os_glimpse_source_hash_algo"] == "sha512"  # IMG-723
    assert image["os_glimpse_source_hash_value"] == hashlib.sha512(sent).hexdigest()
    (tmp_path / "back.raw").write_bytes(stored)
    assert the_letter_in(tmp_path / "back.raw") == LETTER


@pytest.mark.rule("IMG-495", "IMG-721")
@pytest.mark.parametrize("fault", ["corrupt", "backing file", "data file"])
def test_a_disk_that_can_not_be_trusted_is_refused_and_the_image_can_be_tried_again(glimpse, web, tmp_path, fault):
    address, folder = web
    a_faulty_disk(folder / "bad.qcow2", fault)
    image_id = glimpse.create(disk_format="qcow2")["id"]
    wish = {"method": {"name": "web-download", "uri": f"{address}/bad.qcow2"}}
    assert glimpse.ask("POST", f"/v2/images/{image_id}/import", wish).status == 202
    image = glimpse.wait(image_id, lambda image: image["status"] == "queued")
    (task,) = glimpse.ask("GET", f"/v2/images/{image_id}/tasks").json["tasks"]
    assert task["status"] == "failure"
    assert task["message"]
    assert task["message"] in image["os_glimpse_import_error"]
    whole = a_disk_with_a_letter(tmp_path)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", whole, folder / "good.qcow2"], check=True)
    wish["method"]["uri"] = f"{address}/good.qcow2"
    assert glimpse.ask("POST", f"/v2/images/{image_id}/import", wish).status == 202
    assert glimpse.wait(image_id, lambda image: image["status"] == "active")["disk_format"] == "raw"


@pytest.mark.rule("IMG-721")
def test_staged_bytes_of_a_failed_import_can_be_used_again(glimpse):
    image_id = glimpse.create(disk_format="qcow2")["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/stage", NOISE, **OCTETS).status == 204
    wish = {"method": {"name": "glance-direct"}}
    assert glimpse.ask("POST", f"/v2/images/{image_id}/import", wish).status == 202
    glimpse.wait(image_id, lambda image: image["status"] == "queued")
    change = [{"op": "replace", "path": "/disk_format", "value": "raw"}]  # what the bytes really are
    assert glimpse.ask("PATCH", f"/v2/images/{image_id}", change, **V21).status == 200
    assert glimpse.ask("POST", f"/v2/images/{image_id}/import", wish).status == 202
    glimpse.wait(image_id, lambda image: image["status"] == "active")
    assert glimpse.ask("GET", f"/v2/images/{image_id}/file").content == NOISE


@pytest.mark.rule("IMG-726")
def test_a_task_of_the_older_kind_makes_its_image_and_fills_it(glimpse, web, tmp_path):
    address, folder = web
    disk = a_disk_with_a_letter(tmp_path)
    subprocess.run(["qemu-img", "convert", "-f", "raw", "-O", "qcow2", disk, folder / "older.qcow2"], check=True)
    source = {"import_from": f"{address}/older.qcow2", "import_from_format": "qcow2"}
    wish = {"type": "import", "input": source | {"image_properties": {"name": "older", "disk_format": "raw"}}}
    task_id = glimpse.ask("POST", "/v2/tasks", wish).json["id"]

    def ended():
        task = glimpse.ask("GET", f"/v2/tasks/{task_id}").json
        return task if task["status"] in ("success", "failure") else None

    task = glimpse.until(ended)
    assert task["status"] == "success", task["message"]
    image = glimpse.show(task["result"]["image_id"])
    assert (image["name"], image["status"], image["disk_format"]) == ("older", "active", "raw")  # converted, here
    (tmp_path / "older.raw").write_bytes(glimpse.ask("GET", f"/v2/images/{image['id']}/file").content)
    assert the_letter_in(tmp_path / "older.raw") == LETTER


def test_a_copy_in_another_store_can_go_alone_with_its_bytes(glimpse):  # section 23, IMG-227, IMG-730
    image_id = glimpse.create()["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/file", NOISE, **OCTETS).status == 204
    wish = {"method": {"name": "copy-image"}, "stores": ["cheap"]}
    assert glimpse.ask("POST", f"/v2/images/{image_id}/import", wish).status == 202
    image = glimpse.wait(image_id, lambda image: image["stores"] == "fast,cheap")
    assert image["status"] == "active"
    (file,) = [path for path in glimpse.files("fast") if image_id in str(path)]
    assert glimpse.ask("DELETE", f"/v2/stores/fast/{image_id}").status == 204
    assert glimpse.show(image_id)["stores"] == "cheap"
    glimpse.until(lambda: not file.exists())
    assert glimpse.ask("GET", f"/v2/images/{image_id}/file").content == NOISE
    assert glimpse.ask("DELETE", f"/v2/stores/cheap/{image_id}").status == 403  # IMG-564


async def test_a_deleted_image_comes_back_whole_and_is_gone_for_ever_in_the_end(glimpse):
    image_id = glimpse.create(name="dear", os_distro="debian", tags=["lts"], visibility="shared")["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/file", NOISE, **OCTETS).status == 204
    assert glimpse.ask("POST", f"/v2/images/{image_id}/members", {"member": "p2"}).status == 200
    before = glimpse.show(image_id)
    assert glimpse.ask("DELETE", f"/v2/images/{image_id}").status == 204
    assert glimpse.ask("GET", f"/v2/images/{image_id}").status == 404
    assert (await glimpse.query("SELECT status FROM images WHERE id = $1", image_id)) == [{"status": "pending_delete"}]
    assert glimpse.ask("POST", f"/v2/images/{image_id}/actions/restore").status == 202  # IMG-719
    restored = glimpse.wait_for_show(image_id)
    assert {**restored, "updated_at": None} == {**before, "updated_at": None}
    assert glimpse.ask("GET", f"/v2/images/{image_id}/file").content == NOISE
    members = glimpse.ask("GET", f"/v2/images/{image_id}/members").json["members"]
    assert [member["member_id"] for member in members] == ["p2"]

    assert glimpse.ask("DELETE", f"/v2/images/{image_id}").status == 204
    assert "will be active again" in glimpse.run("restore", image_id)
    glimpse.wait_for_show(image_id)

    (file,) = [path for path in glimpse.files("fast") if image_id in str(path)]
    assert glimpse.ask("DELETE", f"/v2/images/{image_id}").status == 204
    await glimpse.query(
        "UPDATE images SET purge_after = clock_timestamp() WHERE id = $1", image_id
    )  # its days are over
    glimpse.until(lambda: "purged" in glimpse.facts(image_id))
    assert not file.exists()
    assert glimpse.ask("POST", "/v2/images", {"id": image_id}).status == 409  # IMG-715
    assert glimpse.ask("POST", f"/v2/images/{image_id}/actions/restore").status == 404  # IMG-720
    told = glimpse.events(image_id)
    assert [event["type"] for event in told[-3:]] == [
        "io.glimpse.image.restored.v1",
        "io.glimpse.image.deleted.v1",
        "io.glimpse.image.purged.v1",
    ]
    versions = [event["imageversion"] for event in told if "imageversion" in event]
    assert versions == sorted(versions)


def a_disk_with_a_letter(folder: Path) -> Path:
    """Make a raw disk with a real filesystem, and a file in it."""
    disk = folder / "disk.raw"
    with disk.open("wb") as file:
        file.truncate(16 * 2**20)
    mkfs = shutil.which("mkfs.ext4") or "/usr/sbin/mkfs.ext4"
    debugfs = shutil.which("debugfs") or "/usr/sbin/debugfs"
    subprocess.run([mkfs, "-q", "-F", disk], check=True, capture_output=True)
    (folder / "letter").write_bytes(LETTER)
    writing = [debugfs, "-w", "-R", f"write {folder / 'letter'} letter", disk]
    subprocess.run(writing, check=True, capture_output=True)
    return disk


def the_letter_in(disk: Path) -> bytes:
    debugfs = shutil.which("debugfs") or "/usr/sbin/debugfs"
    return subprocess.run([debugfs, "-R", "cat letter", disk], check=True, capture_output=True).stdout


def a_faulty_disk(disk: Path, fault: str) -> None:
    """Make a qcow2 that must not be opened, or can not be."""
    create = ["qemu-img", "create", "-q", "-f", "qcow2"]
    if fault == "backing file":
        subprocess.run([*create, "-u", "-b", "/etc/passwd", "-F", "raw", disk, "1M"], check=True)
    elif fault == "data file":
        subprocess.run(
            [*create, "-o", f"data_file={disk.with_suffix('.data')},data_file_raw=on", disk, "1M"], check=True
        )
    else:
        subprocess.run([*create, disk, "1M"], check=True)
        with disk.open("r+b") as file:
            file.seek(40)
            file.write(b"\xff" * 8)  # where the first table is
