"""Bytes in, bytes out, over a socket."""

import asyncio
import base64
import hashlib
import random
import subprocess

import pytest

from tests.fixtures.disks import a_disk
from tests.fixtures.hanging import hanging
from tests.fixtures.waiting import until

NOISE = random.Random(3).randbytes(5_000_000)
OCTETS = {"Content-Type": "application/octet-stream"}


async def pieces(content, size=100_000):
    """Send a body of a length that is not announced."""
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]


def files(tmp_path):
    """Return every file that a store has."""
    return [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".glimpse-store"]


async def a_queued(owner, **members):
    return (await owner.create(**{"disk_format": "raw", "container_format": "bare"} | members))["id"]


async def assert_untouched(api, owner, tmp_path, image_id):
    """An upload came to nothing: the image is as it was made, no bytes are kept, and another upload works."""
    image = await owner.show(image_id)
    assert image["status"] == "queued"
    for name in ("size", "virtual_size", "checksum", "os_hash_algo", "os_hash_value"):
        assert image[name] is None
    assert "stores" not in image
    assert files(tmp_path) == []
    assert {state for _store, state in await api.blobs(image_id)} <= {"doomed"}


# Up


@pytest.mark.rule("IMG-391", "IMG-392", "IMG-220", "IMG-180")
@pytest.mark.parametrize("announced", [True, False])
async def test_an_upload_makes_an_image_active_and_says_what_it_holds(api, owner, announced):
    image_id = await a_queued(owner)
    answer = await owner.upload(image_id, NOISE if announced else pieces(NOISE))
    assert (answer.status, answer.content) == (204, b"")
    image = await owner.show(image_id)
    assert (image["status"], image["size"], image["virtual_size"], image["stores"]) == (
        "active",
        len(NOISE),
        len(NOISE),
        "fast",
    )
    assert image["checksum"] == hashlib.md5(NOISE).hexdigest()
    assert (image["os_hash_algo"], image["os_hash_value"]) == ("sha512", hashlib.sha512(NOISE).hexdigest())
    assert await api.told(image_id) == ["image.created", "image.upload.started", "image.uploaded", "image.activated"]


@pytest.mark.rule("IMG-393")
async def test_no_bytes_at_all_make_an_image(owner):
    image = await owner.create_active(b"")
    assert (image["status"], image["size"], image["virtual_size"]) == ("active", 0, None)  # IMG-180
    assert image["checksum"] == hashlib.md5(b"").hexdigest()
    answer = await owner.get(f"/v2/images/{image['id']}/file")
    assert (answer.status, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")


@pytest.mark.rule(
    "IMG-395", "IMG-396", "IMG-397", "IMG-399", "IMG-400", "IMG-401", "IMG-402", "IMG-403", "IMG-404", "OP-2"
)
async def test_of_several_things_that_are_wrong_with_an_upload_the_first_decides(run, settings):
    settings["images"] = {"size_cap_bytes": 1000}
    async with run(settings) as api:
        owner, stranger, admin = api.person("p1"), api.person("p2"), api.admin
        theirs = (await admin.create(visibility="public", owner="p3"))["id"]
        active = (await owner.create_active(b"x", visibility="community"))["id"]
        formless = (await owner.create(disk_format="raw"))["id"]
        queued = await a_queued(owner)
        wrong = {"Content-Type": "text/plain", "x-openstack-image-size": "-1", "X-Image-Meta-Store": "nowhere"}
        octets = wrong | OCTETS
        large = octets | {"x-openstack-image-size": "1001"}
        right = {name: value for name, value in large.items() if name != "X-Image-Meta-Store"}
        for person, image_id, headers, status, says in (
            (stranger, "no-such-image", wrong, 415, "application/octet-stream"),
            (stranger, "no-such-image", octets, 400, "x-openstack-image-size"),
            (stranger, "no-such-image", large, 400, "there is no store nowhere; there are fast, cheap"),
            (stranger, "no-such-image", right, 404, "no-such-image"),
            (stranger, queued, right, 404, queued),
            (stranger, theirs, right, 403, "upload_image"),
            (stranger, active, right, 403, "upload_image"),
            (owner, active, right, 409, "active"),
            (owner, formless, right, 400, "container_format"),
            (owner, queued, right, 413, "1000"),
        ):
            answer = await person.upload(image_id, b"x", headers)
            assert (answer.status, says in answer.content.decode()) == (status, True), answer.content
        for image_id in (formless, queued, theirs):
            assert (await admin.show(image_id))["status"] == "queued"
            assert await api.told(image_id) == ["image.created"]


@pytest.mark.rule("IMG-396")
@pytest.mark.parametrize("kind", ["", "text/plain", "application/json", "application/octet-streams"])
async def test_bytes_come_as_octets(owner, kind):
    image_id = await a_queued(owner)
    headers = {"Content-Type": kind} if kind else {}
    assert (await owner.ask("PUT", f"/v2/images/{image_id}/file", b"x", headers=headers)).status == 415
    headers = {"Content-Type": "Application/Octet-Stream; charset=x"}  # IMG-86
    assert (await owner.ask("PUT", f"/v2/images/{image_id}/file", b"x", headers=headers)).status == 204


@pytest.mark.rule("IMG-397", "IMG-703")
@pytest.mark.parametrize("size", ["-1", "x", "1.0", "", "0x1", "1_0", "٣", "9" * 5000])
async def test_a_size_that_is_no_number_is_refused_before_the_bytes(api, owner, size):
    image_id = await a_queued(owner)
    answer = await owner.upload(image_id, b"x", {"x-openstack-image-size": size})
    assert answer.status == 400
    assert await api.told(image_id) == ["image.created"]


@pytest.mark.rule("IMG-394", "IMG-398", "IMG-221", "OP-3", "OP-4")
@pytest.mark.parametrize("size", [0, 9, 11])
@pytest.mark.parametrize("announced", [True, False])
async def test_other_bytes_than_announced_are_not_kept(api, owner, tmp_path, size, announced):
    image_id = await a_queued(owner)
    body = b"0123456789"
    answer = await owner.upload(image_id, body if announced else pieces(body), {"x-openstack-image-size": str(size)})
    assert answer.status == 400
    assert str(size) in answer.content.decode()
    await assert_untouched(api, owner, tmp_path, image_id)
    assert (await api.told(image_id))[-1] == "image.upload.failed"
    assert (await owner.upload(image_id, body, {"x-openstack-image-size": "10"})).status == 204


@pytest.mark.rule("IMG-399", "IMG-10")
async def test_bytes_go_to_the_store_that_is_named(run, settings):
    async with run(settings) as api:
        image = await a_queued(owner := api.person())
        assert (await owner.upload(image, b"x", {"X-Image-Meta-Store": "cheap"})).status == 204
        assert (await owner.show(image))["stores"] == "cheap"
        staging = await owner.upload(await a_queued(owner), b"x", {"X-Image-Meta-Store": "os_glance_staging_store"})
        assert staging.status == 400
    settings["api"]["multi_store"] = False
    async with run(settings) as api:
        image = await a_queued(owner := api.person())
        assert (await owner.upload(image, b"x", {"X-Image-Meta-Store": "nowhere"})).status == 204  # IMG-391
        assert "stores" not in await owner.show(image)


@pytest.mark.rule("IMG-404", "IMG-16", "IMG-628")
async def test_more_bytes_than_an_image_may_have_are_refused_while_they_come(run, settings, tmp_path):
    settings["images"] = {"size_cap_bytes": len(NOISE) - 1}
    async with run(settings) as api:
        owner = api.person()
        image_id = await a_queued(owner)
        assert (await owner.upload(image_id, pieces(NOISE))).status == 413
        await assert_untouched(api, owner, tmp_path, image_id)
        assert (await owner.upload(image_id, NOISE[:-1])).status == 204


@pytest.mark.rule("IMG-408")
async def test_a_store_that_refuses_to_write_is_no_fault_of_the_client(api, owner, tmp_path):
    image_id = await a_queued(owner)
    (tmp_path / "fast" / ".part").rmdir()
    (tmp_path / "fast" / ".part").write_text("")  # now nothing can be begun there
    answer = await owner.upload(image_id, b"bytes")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert str(tmp_path) not in answer.content.decode()
    (tmp_path / "fast" / ".part").unlink()
    await assert_untouched(api, owner, tmp_path, image_id)
    async with api.ports.database.reading() as reader:
        told = await reader.fetchval("SELECT data FROM outbox WHERE type LIKE '%upload.failed%'")
    assert str(tmp_path).encode() not in told


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this user can not mount a small disk: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.rule("IMG-407", "IMG-456")
@pytest.mark.parametrize("announced", [True, False])
async def test_a_full_store_is_told_from_one_that_fails(run, settings, small_disk, announced):
    settings["stores"]["fast"] = {"paths": [{"path": str(small_disk / "fast")}]}
    settings["staging"] = {"paths": [{"path": str(small_disk / "staging")}]}
    async with run(settings) as api:
        owner = api.person()
        for act, store in ((owner.upload, "fast"), (owner.stage, "staging")):
            image_id = await a_queued(owner)
            answer = await act(image_id, NOISE if announced else pieces(NOISE))
            assert answer.status == 413
            assert "full" in answer.content.decode()
            assert str(small_disk) not in answer.content.decode()
            await assert_untouched(api, owner, small_disk / store, image_id)
            assert (await act(image_id, NOISE[:100_000])).status == 204


# What the bytes are

FORMATS = [
    # rule, disk_format, what is sent, answer, virtual size
    ("IMG-180", "raw", "noise", 204, 3_000_000),
    ("IMG-180", "qcow2", "qcow2", 204, 2**20),
    ("IMG-180", "vmdk", "vmdk", 204, 2**20),
    ("IMG-180", "vdi", "vdi", 204, 2**20),
    ("IMG-180", "vhdx", "vhdx", 204, 2**20),
    ("IMG-416", "raw", "qcow2", 204, "size"),
    ("IMG-416", "ami", "noise", 204, None),
    ("IMG-416", "ploop", "noise", 204, None),
    ("IMG-413", "qcow2", "noise", 415, None),
    ("IMG-413", "qcow2", "vmdk", 415, None),
    ("IMG-413", "vmdk", "qcow2", 415, None),
    ("IMG-413", "iso", "noise", 415, None),
    ("IMG-413", "ami", "qcow2", 415, None),
    ("IMG-413", "qcow2", "nothing", 415, None),
    ("IMG-414", "qcow2", "backing file", 415, None),
    ("IMG-414", "raw", "backing file", 415, None),
    ("IMG-414", "qcow2", "data file", 415, None),
    ("OP-45", "raw", "empty partition table", 415, None),
]


@pytest.mark.rule("IMG-417", "IMG-704", "OP-26")
@pytest.mark.parametrize(("rule", "disk_format", "kind", "status", "virtual_size"), FORMATS)
async def test_bytes_are_of_the_format_they_are_said_to_be(
    api, owner, tmp_path, tmp_path_factory, rule, disk_format, kind, status, virtual_size
):
    content = a_disk(kind, tmp_path_factory.mktemp("disk"))
    image_id = await a_queued(owner, disk_format=disk_format)
    answer = await owner.upload(image_id, pieces(content))
    assert answer.status == status, answer.content
    if status == 204:
        image = await owner.show(image_id)
        assert image["virtual_size"] == (len(content) if virtual_size == "size" else virtual_size)
        return
    if rule == "IMG-413":
        found = "raw" if kind in ("noise", "nothing") else kind
        says, _, told = answer.content.decode().partition(", but the bytes ")
        assert (says.endswith(f"disk_format says {disk_format}"), found in told) == (True, True), answer.content
    await assert_untouched(api, owner, tmp_path, image_id)
    await owner.patch(image_id, {"op": "replace", "path": "/disk_format", "value": "raw"})
    assert (await owner.upload(image_id, NOISE)).status == 204


@pytest.mark.rule("IMG-24", "OP-44")
async def test_another_format_is_taken_where_the_operator_does_not_mind_but_never_unsafe_bytes(
    run, settings, tmp_path_factory
):
    settings["images"] = {"require_format_match": False}
    folder = tmp_path_factory.mktemp("disk")
    async with run(settings) as api:
        owner = api.person()
        image_id = await a_queued(owner, disk_format="qcow2")
        assert (await owner.upload(image_id, NOISE)).status == 204
        assert (await owner.show(image_id))["virtual_size"] is None
        image_id = await a_queued(owner, disk_format="vmdk")
        assert (await owner.upload(image_id, a_disk("backing file", folder))).status == 415


@pytest.mark.rule("IMG-413", "IMG-416")
async def test_what_is_no_bare_disk_is_not_looked_into(owner, tmp_path_factory):
    content = a_disk("backing file", tmp_path_factory.mktemp("disk"))
    image_id = await a_queued(owner, disk_format="raw", container_format="ova")
    assert (await owner.upload(image_id, content)).status == 204
    assert (await owner.show(image_id))["virtual_size"] is None


# What is expected of the bytes

SHA256 = "lJhMsrdS7WFmP/kWWPBVhfe1cQhFHJqoOjv1jVTMkAQ="  # of b"expected"


def digest_of(content, name="sha256"):
    return base64.b64encode(hashlib.new(name, content).digest()).decode()


@pytest.mark.rule("IMG-728")
@pytest.mark.parametrize("field", ["Repr-Digest", "Content-Digest"])
async def test_an_expected_digest_is_held_against_the_bytes(api, owner, tmp_path, field):
    image_id = await a_queued(owner)
    right = f"sha-256=:{digest_of(NOISE)}:, sha-512=:{digest_of(NOISE, 'sha512')}:, md5=:AAAA:"
    wrong = f"sha-256=:{digest_of(b'other')}:"
    answer = await owner.upload(image_id, NOISE, {field: wrong})
    assert answer.status == 400
    for content in (NOISE, b"other"):
        assert hashlib.sha256(content).hexdigest() in answer.content.decode()
    await assert_untouched(api, owner, tmp_path, image_id)
    assert (await owner.upload(image_id, NOISE, {field: right})).status == 204


@pytest.mark.rule("IMG-728")
@pytest.mark.parametrize(
    "text", ["sha-256", "sha-256=abc", "sha-256=:*:", "sha-256=:AAAA:", "=:AAAA:", "sha-512=:" + SHA256 + ":"]
)
async def test_a_digest_that_can_not_be_read_is_refused_before_any_byte(api, owner, text):
    image_id = await a_queued(owner)
    assert (await owner.upload(image_id, b"expected", {"Repr-Digest": text})).status == 400
    assert await api.told(image_id) == ["image.created"]


@pytest.mark.rule("IMG-728")
async def test_two_digests_that_can_not_both_be_right_are_refused(owner):
    image_id = await a_queued(owner)
    headers = {"Repr-Digest": f"sha-256=:{digest_of(b'a')}:", "Content-Digest": f"sha-256=:{digest_of(b'b')}:"}
    assert (await owner.upload(image_id, b"b", headers)).status == 400


# Down


@pytest.mark.rule("IMG-419")
async def test_a_download_gives_the_bytes_that_were_sent(owner):
    image = await owner.create_active(NOISE)
    answer = await owner.get(f"/v2/images/{image['id']}/file")
    assert (answer.status, answer.content) == (200, NOISE)
    assert answer.headers["Content-MD5"] == image["checksum"]
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Length"] == str(len(NOISE))
    assert "Accept-Ranges" not in answer.headers  # IMG-421
    assert answer.headers["x-openstack-request-id"].startswith("req-")  # IMG-101


@pytest.mark.rule("IMG-419")
async def test_no_md5_is_told_where_none_is_known(api, owner):
    image = await owner.create_active(b"x")
    await api.execute("UPDATE images SET checksum = NULL WHERE id = $1", image["id"])
    answer = await owner.get(f"/v2/images/{image['id']}/file")
    assert (answer.status, answer.content, answer.headers.get("Content-MD5")) == (200, b"x", None)


RANGES = [
    # rule, header, status, Content-Range, bytes
    ("IMG-422", "bytes=0-4", 206, "bytes 0-4/10", b"01234"),
    ("IMG-422", "bytes=0-0", 206, "bytes 0-0/10", b"0"),
    ("IMG-422", "bytes=5-", 206, "bytes 5-9/10", b"56789"),
    ("IMG-423", "bytes=0-9", 206, "bytes 0-9/10", b"0123456789"),
    ("IMG-424", "bytes=-3", 206, "bytes 7-9/10", b"789"),
    ("IMG-425", "bytes=-10", 206, "bytes 0-9/10", b"0123456789"),
    ("IMG-425", "bytes=-50", 206, "bytes 0-9/10", b"0123456789"),
    ("IMG-426", "bytes=9-100", 206, "bytes 9-9/10", b"9"),
    ("IMG-427", "bytes=-0", 206, "bytes 0-9/10", b"0123456789"),
    ("IMG-428", "BYTES=0-1", 206, "bytes 0-1/10", b"01"),
    ("IMG-429", "bytes=10-", 416, None, None),
    ("IMG-429", "bytes=10-12", 416, None, None),
    ("IMG-430", "bytes=5-2", 416, None, None),
    ("IMG-430", "bytes=a-b", 416, None, None),
    ("IMG-430", "bytes=", 416, None, None),
    ("IMG-430", "items=0-1", 416, None, None),
    ("IMG-430", "0-1", 416, None, None),
    ("IMG-430", "bytes=0-" + "9" * 5000, 206, "bytes 0-9/10", b"0123456789"),
    ("IMG-430", "bytes=" + "9" * 5000 + "-", 416, None, None),
    ("IMG-431", "bytes=-", 416, None, None),
    ("IMG-432", "bytes=0-1,3-4", 400, None, None),
    ("IMG-432", "bytes=0-1,", 400, None, None),
]
HERITAGE = [
    ("IMG-435", "bytes 0-4/10", 206, "bytes 0-4/10", b"01234"),
    ("IMG-435", "bytes 0-4/*", 206, "bytes 0-4/10", b"01234"),
    ("IMG-435", "bytes 9-9/10", 206, "bytes 9-9/10", b"9"),
    ("IMG-435", "bytes 0-10/*", 416, None, None),
    ("IMG-435", "bytes 10-12/*", 416, None, None),
    ("IMG-435", "bytes 4-0/10", 416, None, None),
    ("IMG-435", "bytes 0-4", 416, None, None),
    ("IMG-435", "nonsense", 416, None, None),
    ("IMG-435", "bytes 0-12/10", 416, None, None),
    ("IMG-435", "bytes 0-4/11", 416, None, None),
    ("IMG-702", "bytes */10", 416, None, None),
]


@pytest.mark.rule("IMG-421", "IMG-434", "IMG-74")
async def test_a_part_is_given_as_it_is_asked_for(owner):
    content = b"0123456789"
    image = await owner.create_active(content)
    rows = [("Range", *row) for row in RANGES] + [("Content-Range", *row) for row in HERITAGE]
    for field, rule, text, status, content_range, part in rows:
        answer = await owner.get(f"/v2/images/{image['id']}/file", headers={field: text})
        assert (answer.status, answer.headers.get("Content-Range")) == (status, content_range), (rule, text[:50])
        if status == 206:
            assert (answer.content, answer.headers["Content-Length"]) == (part, str(len(part))), (rule, text[:50])
            assert answer.headers["Content-MD5"] == image["checksum"]  # of the whole
            assert "Accept-Ranges" not in answer.headers


@pytest.mark.rule("IMG-435")
async def test_the_range_that_http_has_beats_the_heritage(owner):
    image = await owner.create_active(b"0123456789")
    headers = {"Range": "bytes=1-2", "Content-Range": "bytes 5-6/10"}
    answer = await owner.get(f"/v2/images/{image['id']}/file", headers=headers)
    assert (answer.status, answer.content) == (206, b"12")


@pytest.mark.rule("IMG-433", "IMG-702", "IMG-420")
@pytest.mark.parametrize("text", ["bytes=0-1", "bytes=-", "nonsense", "bytes=0-1,3-4"])
async def test_a_range_of_an_image_without_bytes_is_nothing(owner, text):
    image_id = await a_queued(owner)
    answer = await owner.get(f"/v2/images/{image_id}/file", headers={"Range": text})
    assert (answer.status, answer.content) == (204, b"")


async def test_a_range_of_an_empty_image_is_not_there(owner):
    image = await owner.create_active(b"")
    for text in ("bytes=0-", "bytes=-1", "bytes=-0"):
        assert (await owner.get(f"/v2/images/{image['id']}/file", headers={"Range": text})).status == 416


@pytest.mark.rule("IMG-440", "IMG-441", "IMG-442", "IMG-443", "IMG-123")
async def test_who_may_not_have_the_bytes_is_refused(api, owner, stranger, admin):
    image = await owner.create_active(b"bytes")
    path = f"/v2/images/{image['id']}/file"
    assert (await owner.ask("GET", path, b"body")).status == 400
    assert (await stranger.ask("GET", path, b"body")).status == 400  # before it is known what there is (IMG-84)
    assert (await stranger.get(path)).status == 404
    assert (await owner.get("/v2/images/no-such-image/file")).status == 404
    reader = api.person("p1", roles="reader")
    assert (await reader.get(path)).status == 403
    await owner.patch(image["id"], {"op": "replace", "path": "/visibility", "value": "community"})
    assert (await stranger.get(path)).content == b"bytes"
    assert (await api.person("p2", roles="reader").get(path)).status == 403
    await owner.ask("POST", f"/v2/images/{image['id']}/actions/deactivate")
    for person in (owner, stranger):
        assert (await person.get(path)).status == 403
    assert (await admin.get(path)).content == b"bytes"


@pytest.mark.rule("IMG-444")
async def test_bytes_that_are_in_no_store_are_no_bytes(owner, tmp_path):
    image = await owner.create_active(b"bytes")
    (file,) = files(tmp_path)
    file.unlink()
    answer = await owner.get(f"/v2/images/{image['id']}/file")
    assert (answer.status, answer.content) == (204, b"")


@pytest.mark.rule("IMG-445")
async def test_bytes_that_are_there_but_not_whole_are_not_given(owner, tmp_path):
    image = await owner.create_active(b"0123456789")
    (file,) = files(tmp_path)
    file.chmod(0o600)
    file.write_bytes(b"01234")
    answer = await owner.get(f"/v2/images/{image['id']}/file")
    assert answer.status == 503
    assert str(tmp_path) not in answer.content.decode()


async def a_copy_in_both(api, owner, content=b"bytes"):
    """Make an image with a copy in each store; the one in `cheap` is told apart by its bytes."""
    image = await owner.create_active(content)
    store = api.ports.catalog.get("cheap")

    async def other():
        yield content.upper()

    key = f"{image['id']}/copy"
    await store.write(key, other())
    await api.execute(
        "INSERT INTO blobs (image_id, store, key, state, size) VALUES ($1, 'cheap', $2, 'stored', $3)",
        image["id"],
        key,
        len(content),
    )
    await api.execute("UPDATE images SET stores = '{fast,cheap}' WHERE id = $1", image["id"])
    return image["id"]


@pytest.mark.rule("IMG-445", "OP-156")
async def test_when_a_store_hangs_the_next_copy_is_read(run, settings, tmp_path):
    settings["stores"]["cheap"]["weight"] = 10
    settings["api"]["patience_seconds"] = 0.2
    async with run(settings) as api:
        owner = api.person()
        image_id = await a_copy_in_both(api, owner)
        (heavy,) = files(tmp_path / "cheap")
        heavy.unlink()  # whether it is gone, only the volume can say
        async with asyncio.timeout(20):
            with hanging(tmp_path / "cheap"):
                assert (await owner.get(f"/v2/images/{image_id}/file")).content == b"bytes"


@pytest.mark.rule("IMG-439", "IMG-444", "OP-60", "OP-61")
async def test_the_copy_that_weighs_most_is_read_first_and_the_next_one_when_it_fails(run, settings, tmp_path):
    settings["stores"]["cheap"]["weight"] = 10
    async with run(settings) as api:
        owner = api.person()
        image_id = await a_copy_in_both(api, owner)
        path = f"/v2/images/{image_id}/file"
        assert (await owner.get(path)).content == b"BYTES"
        (heavy,) = files(tmp_path / "cheap")
        heavy.chmod(0o600)
        heavy.write_bytes(b"BY")  # damaged
        assert (await owner.get(path)).content == b"bytes"
        heavy.unlink()
        assert (await owner.get(path)).content == b"bytes"
        (light,) = files(tmp_path / "fast")
        light.unlink()
        assert (await owner.get(path)).status == 204


@pytest.mark.rule("IMG-437", "IMG-124")
async def test_a_store_can_be_preferred(run, settings):
    async with run(settings) as api:
        owner = api.person()
        both, one = await a_copy_in_both(api, owner), (await owner.create_active(b"one"))["id"]
        for query, content in (
            ("", b"bytes"),
            ("?prefer=cheap", b"BYTES"),
            ("?prefer=%20cheap%20,%20fast", b"BYTES"),
            ("?prefer=fast,cheap", b"bytes"),
            ("?prefer=", b"bytes"),
            ("?prefer=,%20,", b"bytes"),
        ):
            answer = await owner.get(f"/v2/images/{both}/file{query}")
            assert (answer.status, answer.content) == (200, content), query
        assert (await owner.get(f"/v2/images/{one}/file?prefer=cheap")).content == b"one"
        for image_id in (both, "no-such-image"):
            assert (await owner.get(f"/v2/images/{image_id}/file?prefer=cheap,nowhere")).status == 400
        assert (await api.person("p2").get(f"/v2/images/{both}/file?prefer=cheap")).status == 404
        assert (await api.person("p1", roles="reader").get(f"/v2/images/{both}/file?prefer=cheap")).status == 403
    settings["api"]["multi_store"] = False
    async with run(settings) as api:
        owner = api.person()
        assert (await owner.get(f"/v2/images/{one}/file?prefer=fast")).status == 400
        assert (await owner.get(f"/v2/images/{one}/file?prefer=")).content == b"one"


# Several at once


@pytest.mark.rule("IMG-401", "IMG-237", "IMG-418")
async def test_of_several_uploads_at_once_one_wins(api, owner, tmp_path):
    image_id = await a_queued(owner)
    go = asyncio.Event()

    async def held(content):
        yield content[:1000]
        await go.wait()
        yield content[1000:]

    contents = [bytes([number]) * 100_000 for number in range(5)]
    uploads = [asyncio.create_task(owner.upload(image_id, held(content))) for content in contents]
    done, _running = await asyncio.wait(uploads, return_when=asyncio.FIRST_COMPLETED)
    assert {upload.result().status for upload in done} == {409}
    assert (await owner.show(image_id))["status"] == "saving"
    go.set()
    statuses = [(await upload).status for upload in uploads]
    assert sorted(statuses) == [204, 409, 409, 409, 409]
    winner = contents[statuses.index(204)]
    assert (await owner.get(f"/v2/images/{image_id}/file")).content == winner
    assert len(files(tmp_path)) == 1


@pytest.mark.rule("IMG-410", "IMG-373")
async def test_an_image_that_is_deleted_while_its_bytes_come_is_gone(api, owner, tmp_path):
    image_id = await a_queued(owner)
    go = asyncio.Event()

    async def held():
        yield b"first"
        await go.wait()
        yield b"second"

    uploading = asyncio.create_task(owner.upload(image_id, held()))
    await until(lambda: owner.show(image_id), lambda image: image["status"] == "saving")
    assert (await owner.ask("DELETE", f"/v2/images/{image_id}")).status == 204
    go.set()
    assert (await uploading).status == 410
    assert (await api.row(image_id)).status == "deleted"
    assert await api.blobs(image_id) == [("fast", "doomed")]
    assert (await api.told(image_id))[-1] == "image.deleted"
