"""Bytes that wait for their import, over a socket."""

import base64
import hashlib

import pytest

OCTETS = {"Content-Type": "application/octet-stream"}


async def a_queued(owner, **members):
    return (await owner.create(**{"disk_format": "raw", "container_format": "bare"} | members))["id"]


async def pieces(content, size=10_000):
    """Send a body of a length that is not announced."""
    for begin in range(0, len(content), size):
        yield content[begin : begin + size]


def files(tmp_path):
    return [path for path in tmp_path.rglob("*") if path.is_file() and path.name != ".glimpse-store"]


async def assert_untouched(api, owner, tmp_path, image_id):
    """Staging came to nothing: the image is as it was made, no bytes are kept, and staging again works."""
    image = await owner.show(image_id)
    assert (image["status"], image["size"]) == ("queued", None)
    assert files(tmp_path) == []
    assert {state for _store, state in await api.blobs(image_id)} <= {"doomed"}
    assert (await api.told(image_id))[-1] == "image.stage.failed"
    assert (await owner.stage(image_id, b"once more")).status == 204


@pytest.mark.rule("IMG-446", "IMG-222", "IMG-447", "IMG-448")
async def test_staged_bytes_wait_and_can_not_be_had(api, owner):
    image_id = (await owner.create())["id"]  # formats are asked for at the import
    answer = await owner.stage(image_id, b"bytes", {"X-Image-Meta-Store": "nowhere"})
    assert (answer.status, answer.content) == (204, b"")
    image = await owner.show(image_id)
    assert (image["status"], image["size"]) == ("uploading", 5)
    assert {image[name] for name in ("checksum", "os_hash_algo", "os_hash_value", "virtual_size")} == {None}
    assert "stores" not in image
    answer = await owner.get(f"/v2/images/{image_id}/file")
    assert (answer.status, answer.content) == (204, b"")
    assert await api.blobs(image_id) == [("os_glance_staging_store", "stored")]
    assert await api.told(image_id) == ["image.created", "image.stage.started", "image.staged"]
    assert (await owner.ask("DELETE", f"/v2/images/{image_id}")).status == 204
    assert await api.blobs(image_id) == [("os_glance_staging_store", "doomed")]  # IMG-373


@pytest.mark.rule("IMG-450", "IMG-451", "IMG-453", "IMG-454", "IMG-455", "IMG-456")
async def test_of_several_things_that_are_wrong_with_staging_the_first_decides(run, settings):
    settings["images"] = {"size_cap_bytes": 1000}
    async with run(settings) as api:
        owner, stranger = api.person("p1"), api.person("p2")
        active = (await owner.create_active(b"x", visibility="community"))["id"]
        queued = await a_queued(owner)
        wrong = {"Content-Type": "text/plain", "x-openstack-image-size": "x"}
        large = OCTETS | {"x-openstack-image-size": "1001"}
        for person, image_id, headers, status in (
            (stranger, "no-such-image", wrong, 415),
            (stranger, "no-such-image", wrong | OCTETS, 400),
            (stranger, "no-such-image", large, 404),
            (stranger, queued, large, 404),
            (stranger, active, large, 403),
            (owner, active, large, 409),
            (owner, queued, large, 413),
        ):
            assert (await person.stage(image_id, b"x", headers)).status == status, (image_id, headers)
        assert (await owner.show(queued))["status"] == "queued"
        assert await api.told(queued) == ["image.created"]


@pytest.mark.rule("IMG-449")
async def test_nothing_is_staged_where_nothing_staged_could_be_imported(run, settings, an_id):
    settings["import"]["methods"] = ["web-download"]
    async with run(settings) as api:
        owner = api.person()
        image_id = await a_queued(owner)
        for name in (image_id, an_id):  # whatever else is wrong
            assert (await owner.stage(name, b"x", {"Content-Type": "text/plain"})).status == 404
        assert (await owner.show(image_id))["status"] == "queued"


@pytest.mark.rule("IMG-452", "IMG-223")
@pytest.mark.parametrize("size", [9, 11])
async def test_other_bytes_than_announced_are_not_kept(api, owner, tmp_path, size):
    image_id = await a_queued(owner)
    assert (await owner.stage(image_id, pieces(b"0123456789"), {"x-openstack-image-size": str(size)})).status == 400
    await assert_untouched(api, owner, tmp_path, image_id)


@pytest.mark.rule("IMG-456", "IMG-628")
async def test_more_bytes_than_an_image_may_have_are_refused_while_they_come(run, settings, tmp_path):
    settings["images"] = {"size_cap_bytes": 100_000}
    async with run(settings) as api:
        owner = api.person()
        image_id = await a_queued(owner)
        assert (await owner.stage(image_id, pieces(bytes(100_001)))).status == 413
        await assert_untouched(api, owner, tmp_path, image_id)


@pytest.mark.rule("IMG-457")
async def test_a_staging_store_that_refuses_is_no_fault_of_the_client(api, owner, tmp_path):
    image_id = await a_queued(owner)
    (tmp_path / "staging" / ".part").rmdir()
    (tmp_path / "staging" / ".part").write_text("")  # now nothing can be begun there
    answer = await owner.stage(image_id, b"bytes")
    assert (answer.status, str(tmp_path) in answer.content.decode()) == (503, False)
    (tmp_path / "staging" / ".part").unlink()
    await assert_untouched(api, owner, tmp_path, image_id)


@pytest.mark.rule("IMG-728")
async def test_an_expected_digest_is_held_against_the_bytes(api, owner, tmp_path):
    image_id = await a_queued(owner)

    def expecting(content):
        return {"Content-Digest": f"sha-512=:{base64.b64encode(hashlib.sha512(content).digest()).decode()}:"}

    answer = await owner.stage(image_id, b"bytes", expecting(b"others"))
    assert answer.status == 400
    for content in (b"bytes", b"others"):
        assert hashlib.sha512(content).hexdigest() in answer.content.decode()
    await assert_untouched(api, owner, tmp_path, image_id)
    other = await a_queued(owner)
    assert (await owner.stage(other, b"bytes", expecting(b"bytes"))).status == 204


async def test_no_bytes_at_all_can_be_staged(owner):
    image_id = await a_queued(owner)
    assert (await owner.stage(image_id, b"")).status == 204
    assert (await owner.show(image_id))["size"] == 0
