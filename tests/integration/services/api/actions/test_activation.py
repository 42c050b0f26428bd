"""Out of use and back into it, over a socket."""

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def act(person, image_id, action, body=None):
    return await person.ask("POST", f"/v2/images/{image_id}/actions/{action}", body)


@pytest.mark.rule("IMG-384", "IMG-390", "IMG-230", "IMG-231", "IMG-215", "IMG-179")
async def test_an_image_out_of_use_is_all_there_but_for_its_bytes(shared):
    owner, stranger, admin = shared.person("p1"), shared.person("p2"), shared.admin
    image_id = (await owner.create_active(b"bytes"))["id"]
    answer = await act(owner, image_id, "deactivate")
    assert (answer.status, answer.content) == (204, b"")
    version = (await shared.row(image_id)).version
    assert (await act(owner, image_id, "deactivate")).status == 204  # said twice
    assert (await shared.row(image_id)).version == version
    image = await owner.show(image_id)
    assert (image["status"], image["size"], "stores" in image) == ("deactivated", 5, False)
    assert (await admin.show(image_id))["stores"] == "fast"
    listed = (await owner.get(f"/v2/images?id=in:{image_id}")).json["images"]
    assert ([each["id"] for each in listed], "stores" in listed[0]) == ([image_id], False)
    assert (await owner.patch(image_id, {"op": "replace", "path": "/name", "value": "new"})).status == 200
    assert (await owner.ask("POST", f"/v2/images/{image_id}/members", {"member": "p2"})).status == 200
    for person, status in ((owner, 403), (stranger, 403), (admin, 200)):
        assert (await person.get(f"/v2/images/{image_id}/file")).status == status
    assert (await act(owner, image_id, "reactivate")).status == 204
    assert (await act(owner, image_id, "reactivate")).status == 204
    assert (await owner.get(f"/v2/images/{image_id}/file")).content == b"bytes"
    told = [fact for fact in await shared.told(image_id) if fact.endswith("activated")]
    assert told == ["image.activated", "image.deactivated", "image.reactivated"]


@pytest.mark.rule("IMG-385", "IMG-386", "IMG-387", "IMG-388", "IMG-389", "IMG-125")
@pytest.mark.parametrize("action", ["deactivate", "reactivate"])
async def test_who_may_not_is_refused(shared, an_id, action):
    owner, stranger = shared.person("p1"), shared.person("p2")
    hidden = (await owner.create_active(b"x"))["id"]
    seen = (await owner.create_active(b"x", visibility="community"))["id"]
    queued = (await owner.create())["id"]
    for person, image_id, act_on, body, status in (
        (stranger, an_id, action, {}, 400),  # before it is known what there is (IMG-84)
        (owner, seen, action, {}, 400),
        (owner, seen, "explode", None, 404),
        (owner, an_id, action, None, 404),
        (stranger, hidden, action, None, 404),
        (stranger, seen, action, None, 403),
        (shared.person("p1", roles="reader"), seen, action, None, 403),
        (owner, queued, action, None, 403),
    ):
        assert (await act(person, image_id, act_on, body)).status == status, (image_id, act_on, body)
    assert (await owner.show(seen))["status"] == "active"
