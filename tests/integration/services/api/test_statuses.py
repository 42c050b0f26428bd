"""What each operation answers in each status: the table of section 7.3, row by row."""

import pytest

from schemas.vocabulary import Status

STATUSES = ("queued", "saving", "uploading", "importing", "active", "deactivated")

TABLE = {
    # each row: what queued, saving, uploading, importing, active and deactivated images answer
    "IMG-237 upload": (204, 409, 409, 409, 409, 409),
    "IMG-238 stage": (204, 409, 409, 409, 409, 409),
    "IMG-239 download": (204, 204, 204, 204, 200, 403),
    "IMG-239 download by an administrator": (204, 204, 204, 204, 200, 200),
    "IMG-240 glance-direct": (409, 409, 202, 409, 409, 409),
    "IMG-241 web-download": (202, 409, 409, 409, 409, 409),
    "IMG-241 glance-download": (202, 409, 409, 409, 409, 409),
    "IMG-242 copy-image": (409, 409, 409, 409, 202, 409),
    "IMG-243 deactivate": (403, 403, 403, 403, 204, 204),
    "IMG-244 reactivate": (403, 403, 403, 403, 204, 204),
    "IMG-245 patch of a format": (200, 403, 403, 200, 403, 403),
    "IMG-246 patch of something else": (200, 200, 200, 200, 200, 200),
    "IMG-252 show": (200, 200, 200, 200, 200, 200),
    "IMG-252 delete": (204, 204, 204, 204, 204, 204),
}
"""IMG-247 to IMG-251 stand where locations, copies and the cache are tested."""


@pytest.fixture
def settings(settings):
    settings["import"]["methods"] = ["glance-direct", "web-download", "copy-image", "glance-download"]
    settings["import"] |= {"sealing_key": "A" * 43 + "=", "glance_regions": {"r": "http://images.test"}}
    return settings


async def an_image(api, owner, status):
    """Make an image and bring it to a status, with the bytes that such an image has."""
    if status in ("active", "deactivated"):
        image = await owner.create_active()
        if status == "deactivated":
            assert (await owner.ask("POST", f"/v2/images/{image['id']}/actions/deactivate")).status == 204
    else:
        image = await owner.create(disk_format="raw", container_format="bare")
        if status == "uploading":
            assert (await owner.stage(image["id"], b"staged")).status == 204
        await api.execute("UPDATE images SET status = $2 WHERE id = $1", image["id"], status)
    shown = await owner.show(image["id"])
    assert shown["status"] == status
    return shown


async def asked(operation, image, owner, admin):
    """Do an operation on an image; returns the answer."""
    path = f"/v2/images/{image['id']}"
    match operation:
        case "upload":
            return await owner.upload(image["id"], b"bytes")
        case "stage":
            return await owner.stage(image["id"], b"bytes")
        case "download":
            return await owner.get(f"{path}/file")
        case "download by an administrator":
            return await admin.get(f"{path}/file")
        case "glance-direct":
            return await owner.ask("POST", f"{path}/import", {"method": {"name": "glance-direct"}})
        case "web-download":
            method = {"name": "web-download", "uri": "http://127.0.0.1/disk"}
            return await owner.ask("POST", f"{path}/import", {"method": method})
        case "glance-download":
            method = {"name": "glance-download", "glance_region": "r", "glance_image_id": image["id"]}
            return await owner.ask("POST", f"{path}/import", {"method": method})
        case "copy-image":
            body = {"method": {"name": "copy-image"}, "stores": ["cheap"]}
            return await admin.ask("POST", f"{path}/import", body)
        case "deactivate" | "reactivate":
            return await owner.ask("POST", f"{path}/actions/{operation}")
        case "patch of a format":
            return await owner.patch(image["id"], {"op": "replace", "path": "/disk_format", "value": "raw"})
        case "patch of something else":
            return await owner.patch(image["id"], {"op": "replace", "path": "/name", "value": "new"})
        case "show":
            return await owner.get(path)
        case "delete":
            return await owner.ask("DELETE", path)
    raise AssertionError(operation)


@pytest.mark.parametrize(("row", "answers"), TABLE.items(), ids=TABLE)
async def test_an_operation_answers_as_the_status_of_its_image_has_it(api, owner, admin, row, answers):
    operation = row.split(" ", 1)[1]
    got = {}
    for status in STATUSES:
        image = await an_image(api, owner, status)
        answer = await asked(operation, image, owner, admin)
        got[status] = answer.status
        if answer.status in (403, 409):
            assert (await owner.show(image["id"])) == image, "what is refused changes nothing"  # IMG-401
        if answer.status == 204 and operation.startswith("download"):
            assert (answer.content, answer.headers.get("Content-Type")) == (b"", None)  # IMG-420
    assert got == dict(zip(STATUSES, answers, strict=True))


AFTER = [
    # operation, status before, after
    ("IMG-220", "upload", "queued", "active"),
    ("IMG-222", "stage", "queued", "uploading"),
    ("IMG-224", "glance-direct", "uploading", "importing"),
    ("IMG-225", "web-download", "queued", "importing"),
    ("IMG-227", "copy-image", "active", "active"),
    ("IMG-230", "deactivate", "active", "deactivated"),
    ("IMG-384", "deactivate", "deactivated", "deactivated"),
    ("IMG-231", "reactivate", "deactivated", "active"),
    ("IMG-384", "reactivate", "active", "active"),
]


@pytest.mark.rule("IMG-211", "IMG-212", "IMG-213", "IMG-214", "IMG-215", "OP-1")
async def test_an_operation_moves_its_image(api, owner, admin):
    for rule, operation, before, after in AFTER:
        image = await an_image(api, owner, before)
        await asked(operation, image, owner, admin)
        assert (await api.row(image["id"])).status == after, rule
        told = await api.told(image["id"])
        assert len(told) == len(set(told)), "every fact is told once"


@pytest.mark.rule("IMG-232", "IMG-233", "IMG-217", "IMG-218")
@pytest.mark.parametrize("status", ["queued", "importing", "active"])
async def test_whatever_is_deleted_is_gone_for_everybody(api, owner, admin, status):
    image = await an_image(api, owner, status)
    assert (await owner.ask("DELETE", f"/v2/images/{image['id']}")).status == 204
    has_bytes = status in ("active", "deactivated")
    row = await api.row(image["id"])
    assert row.status == (Status.PENDING_DELETE if has_bytes else Status.DELETED)
    for person in (owner, admin):
        for method, path in (("GET", ""), ("DELETE", ""), ("GET", "/file"), ("POST", "/actions/deactivate")):
            assert (await person.ask(method, f"/v2/images/{image['id']}{path}")).status == 404
        assert (await person.upload(image["id"], b"x")).status == 404
        assert (await person.stage(image["id"], b"x")).status == 404
