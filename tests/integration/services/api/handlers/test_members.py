"""Sharing images with projects, over a socket."""

import asyncio

import pytest

from schemas.vocabulary import MemberStatus


def path(image, member=None):
    image_id = image["id"] if isinstance(image, dict) else image
    return f"/v2/images/{image_id}/members" + (f"/{member}" if member is not None else "")


@pytest.fixture
def share(owner):
    """Share an image of the owner's with projects; returns it: `await share("p2", visibility=...)`."""

    async def shared(*projects, **members):
        image = await owner.create(**members)
        for project in projects:
            answer = await owner.ask("POST", path(image), {"member": project})
            assert answer.status == 200, answer.content
        return image

    return shared


async def said(api, image):
    """Return what was told of an image, with what it was before, newest last."""
    async with api.ports.database.reading() as reader:
        rows = await reader.fetch("SELECT type, version, data FROM outbox WHERE subject = $1 ORDER BY seq", image["id"])
    return [(row["type"].removeprefix("io.glimpse.image."), row["version"]) for row in rows]


@pytest.mark.rule("IMG-522")
@pytest.mark.rule("IMG-100")
async def test_a_new_member_is_pending_and_is_answered_with_200(api, owner):
    image = await owner.create()
    answer = await owner.ask("POST", path(image), {"member": "p2"})
    assert answer.status == 200
    member = answer.json
    assert member.pop("created_at") == member.pop("updated_at")
    assert member == {
        "member_id": "p2",
        "image_id": image["id"],
        "status": "pending",  # IMG-520
        "schema": "/v2/schemas/member",
    }
    assert (await owner.get(path(image, "p2"))).json == answer.json  # IMG-524
    assert (await owner.get(path(image))).json == {"members": [answer.json], "schema": "/v2/schemas/members"}  # IMG-523


@pytest.mark.rule("IMG-525")
async def test_a_member_answers_and_may_think_again(api, owner, stranger, share):
    image = await share("p2")
    hour_ago = "clock_timestamp() - interval '1 hour'"
    await api.execute(f"UPDATE members SET created_at = {hour_ago}, updated_at = {hour_ago}")
    created = (await owner.get(path(image, "p2"))).json
    for status in ("accepted", "rejected", "accepted", "pending", "rejected", "rejected"):  # IMG-520
        answer = await stranger.ask("PUT", path(image, "p2"), {"status": status})
        assert (answer.status, answer.json["status"]) == (200, status)
    last = (await stranger.get(path(image, "p2"))).json
    assert last["created_at"] == created["created_at"]
    assert last["updated_at"] > created["updated_at"]


@pytest.mark.rule("IMG-526")
async def test_who_is_taken_out_sees_the_image_no_more(api, owner, stranger, share):
    image = await share("p2", "p3")
    answer = await owner.ask("DELETE", path(image, "p2"))
    assert (answer.status, answer.content) == (204, b"")  # IMG-100
    assert (await stranger.get(f"/v2/images/{image['id']}")).status == 404
    assert [each["member_id"] for each in (await owner.get(path(image))).json["members"]] == ["p3"]


@pytest.mark.rule("IMG-528")
async def test_who_is_shared_with_again_is_pending_again(owner, stranger, share):
    image = await share("p2")
    await stranger.ask("PUT", path(image, "p2"), {"status": "accepted"})
    await owner.ask("DELETE", path(image, "p2"))
    assert (await owner.ask("POST", path(image), {"member": "p2"})).json["status"] == "pending"


async def test_every_change_of_a_member_is_told_and_leaves_the_image_as_it_is(api, owner, stranger, share):
    image = await share("p2")
    await stranger.ask("PUT", path(image, "p2"), {"status": "accepted"})
    await owner.ask("DELETE", path(image, "p2"))
    assert await said(api, image) == [
        ("created.v1", 1),
        ("member.created.v1", None),
        ("member.updated.v1", None),
        ("member.deleted.v1", None),
    ]
    row = await api.row(image["id"])
    assert (row.version, row.updated_at) == (1, row.created_at)


@pytest.mark.rule("IMG-110")
@pytest.mark.parametrize("status", list(MemberStatus))
async def test_every_status_lets_a_member_see_the_image(api, stranger, share, status):
    image = await share("p2")
    await api.execute("UPDATE members SET status = $1", status)
    assert (await stranger.get(f"/v2/images/{image['id']}")).status == 200  # IMG-144


@pytest.mark.rule("IMG-527")
async def test_the_list_shows_all_to_the_owner_and_only_its_own_entry_to_a_member(api, owner, admin, stranger, share):
    image = await share("p3", "p2", "a", "p1")  # IMG-529: the owner may add itself
    everybody = ["p3", "p2", "a", "p1"]  # oldest first
    for person in (owner, admin, api.person("p1", roles="reader")):
        assert [each["member_id"] for each in (await person.get(path(image))).json["members"]] == everybody
    assert [each["member_id"] for each in (await stranger.get(path(image))).json["members"]] == ["p2"]  # IMG-533
    assert (await api.person("p2", roles="reader").get(path(image))).status == 200  # IMG-133


MATRIX = [
    # who, POST, GET list, GET one, PUT, DELETE: on the entry of p2, on that of p3
    ("owner", 409, 200, (200, 200), (403, 403), (204, 204)),  # IMG-534
    ("admin", 409, 200, (200, 200), (200, 200), (204, 204)),  # IMG-535
    ("stranger", 403, 200, (200, 404), (200, 404), (403, 403)),  # IMG-533, IMG-530
    ("nobody", 404, 404, (404, 404), (404, 404), (404, 404)),  # IMG-531
]


@pytest.mark.parametrize(("who", "post", "listed", "shown", "put", "deleted"), MATRIX, ids=[row[0] for row in MATRIX])
async def test_who_may_do_what(api, owner, admin, stranger, share, who, post, listed, shown, put, deleted):
    image = await share("p2", "p3")
    people = {"owner": owner, "admin": admin, "stranger": stranger, "nobody": api.person("p9")}
    person = people[who]
    assert (await person.ask("POST", path(image), {"member": "p2"})).status == post  # IMG-537
    assert (await person.get(path(image))).status == listed
    for at, entry in enumerate(("p2", "p3")):
        assert (await person.get(path(image, entry))).status == shown[at]
        assert (await person.ask("PUT", path(image, entry), {"status": "accepted"})).status == put[at]
        assert (await person.ask("DELETE", path(image, entry))).status == deleted[at]


async def test_roles_decide_beside_projects(api, share):  # AC-10, AC-12, AC-13
    image = await share("p2")
    reader, bare = api.person("p1", roles="reader"), api.person("p1", roles="member")
    assert (await reader.ask("POST", path(image), {"member": "p4"})).status == 403  # IMG-132
    assert (await reader.ask("DELETE", path(image, "p2"))).status == 403  # IMG-132
    assert (await bare.ask("POST", path(image), {"member": "p4"})).status == 404  # get_image comes first
    assert (await bare.get(path(image))).status == 404
    assert (await bare.get(path(image, "p2"))).status == 404
    assert (await bare.ask("DELETE", path(image, "p2"))).status == 404
    accepting = api.person("p2", roles="reader")
    assert (await accepting.ask("PUT", path(image, "p2"), {"status": "accepted"})).status == 403  # IMG-134


@pytest.mark.rule("IMG-532")
@pytest.mark.rule("IMG-521")
@pytest.mark.parametrize("visibility", ["private", "community", "public"])
async def test_only_shared_images_have_members_for_everybody(api, owner, admin, stranger, share, visibility):
    image = await share("p2")
    await api.execute("UPDATE images SET visibility = $1", visibility)
    people = [owner, admin] if visibility == "private" else [owner, admin, stranger, api.person("p9", roles="x")]
    for person in people:
        assert (await person.ask("POST", path(image), {"member": "p3"})).status == 403
        assert (await person.get(path(image))).status == 403  # AC-13: before any rule
        assert (await person.get(path(image, "p2"))).status == 404
        assert (await person.ask("PUT", path(image, "p2"), {"status": "accepted"})).status == 403
        assert (await person.ask("DELETE", path(image, "p2"))).status == 403
    if visibility == "private":
        assert (await stranger.get(path(image))).status == 404  # IMG-531: a member of what is not shared any more


@pytest.mark.rule("IMG-112")
async def test_members_come_back_when_the_image_is_shared_again(owner, stranger, share):
    image = await share("p2")
    await stranger.ask("PUT", path(image, "p2"), {"status": "accepted"})
    for visibility, status in (("private", 404), ("shared", 200)):
        await owner.patch(image["id"], {"op": "replace", "path": "/visibility", "value": visibility})
        assert (await stranger.get(f"/v2/images/{image['id']}")).status == status
    assert (await stranger.get(path(image, "p2"))).json["status"] == "accepted"


@pytest.mark.rule("IMG-531")
@pytest.mark.parametrize("image_id", ["no-such-image", "11111111-2222-4333-8444-555555555555"])
async def test_an_image_that_is_not_there_has_no_members(admin, image_id):
    assert (await admin.ask("POST", path(image_id), {"member": "p2"})).status == 404
    assert (await admin.get(path(image_id))).status == 404
    assert (await admin.get(path(image_id, "p2"))).status == 404
    assert (await admin.ask("PUT", path(image_id, "p2"), {"status": "accepted"})).status == 404
    assert (await admin.ask("DELETE", path(image_id, "p2"))).status == 404


@pytest.mark.rule("IMG-536")
@pytest.mark.parametrize("member", ["p9", "P2", "p2%20", "%00", "m" * 300])
async def test_a_project_that_is_no_member_is_not_there(owner, admin, share, member):
    image = await share("p2")
    assert (await owner.get(path(image, member))).status == 404
    assert (await admin.ask("PUT", path(image, member), {"status": "accepted"})).status == 404
    assert (await owner.ask("PUT", path(image, member), {"status": "accepted"})).status == 404  # IMG-543: not listed
    assert (await owner.ask("DELETE", path(image, member))).status == 404


@pytest.mark.parametrize(
    "body",
    [
        None,  # IMG-538
        b"",
        b"no json",  # IMG-88
        [],
        [{"member": "p2"}],  # IMG-91
        {},
        {"member": ""},
        {"member": None},
        {"status": "accepted"},
        {"member": "m" * 256},  # IMG-529, IMG-711
        {"member": "\U0001f4be"},  # IMG-541
        {"member": "a\0b"},
    ],
)
async def test_a_body_that_names_no_project_is_refused_before_the_image_is_looked_for(owner, an_id, body):
    image = await owner.create()
    assert (await owner.ask("POST", path(image), body)).status == 400
    assert (await owner.ask("POST", path(an_id), body)).status == 400


@pytest.mark.rule("IMG-529")
@pytest.mark.parametrize(("sent", "kept"), [(5, "5"), ("x y/ü", "x y/ü"), ("m" * 255, "m" * 255), (True, "true")])
async def test_any_text_is_a_project_and_what_is_none_becomes_one(owner, sent, kept):
    image = await owner.create()
    assert (await owner.ask("POST", path(image), {"member": sent})).json["member_id"] == kept


async def test_the_type_of_the_body_does_not_matter(owner):  # IMG-86
    image = await owner.create()
    answer = await owner.ask("POST", path(image), b'{"member": "p2"}', headers={"Content-Type": "text/plain"})
    assert answer.status == 200


@pytest.mark.parametrize("body", [None, b"", [], ["status"], {}, {"member": "p2"}])
async def test_an_answer_without_a_status_is_refused_before_anything_is_looked_for(owner, an_id, body):  # IMG-538
    assert (await owner.ask("PUT", path(an_id, "p2"), body)).status == 400


@pytest.mark.parametrize("status", ["maybe", "Accepted", "", None, 5, ["accepted"]])
async def test_a_member_has_one_of_three_states(api, owner, stranger, share, status):
    image = await share("p2")
    answer = await stranger.ask("PUT", path(image, "p2"), {"status": status})
    assert answer.status == 400  # IMG-539
    assert (await owner.ask("PUT", path(image, "p2"), {"status": status})).status == 403  # IMG-543
    assert (await stranger.get(path(image, "p2"))).json["status"] == "pending"


@pytest.mark.rule("IMG-540")
@pytest.mark.rule("IMG-630")
async def test_an_image_has_no_more_members_than_the_quota_says(run, settings):
    settings["images"] = {"member_quota": 2}
    async with run(settings) as api:
        owner = api.person()
        image = await owner.create()
        racing = [owner.ask("POST", path(image), {"member": f"p{number}"}) for number in range(2, 7)]
        assert sorted(each.status for each in await asyncio.gather(*racing)) == [200, 200, 413, 413, 413]
        kept = [each["member_id"] for each in (await owner.get(path(image))).json["members"]]
        assert len(kept) == 2
        await owner.ask("DELETE", path(image, kept[0]))
        assert (await owner.ask("POST", path(image), {"member": "p9"})).status == 200


@pytest.mark.parametrize("body", [b"x", b"{}"])
async def test_where_no_body_is_due_one_is_refused_first(owner, an_id, body):  # IMG-542, IMG-84
    assert (await owner.get(path(an_id), body=body)).status == 400
    assert (await owner.get(path(an_id, "p2"), body=body)).status == 400
    assert (await owner.ask("DELETE", path(an_id, "p2"), body)).status == 400


@pytest.mark.rule("IMG-252")
@pytest.mark.parametrize("status", ["queued", "uploading", "importing", "deactivated"])
async def test_images_are_shared_in_every_state(api, owner, share, status):
    image = await share()
    await api.execute("UPDATE images SET status = $1", status)
    assert (await owner.ask("POST", path(image), {"member": "p2"})).status == 200
    assert (await owner.ask("DELETE", path(image, "p2"))).status == 204


async def test_two_who_share_with_the_same_project_make_one_member(owner, share):
    image = await share()
    racing = [owner.ask("POST", path(image), {"member": "p2"}) for _ in range(4)]
    assert sorted(each.status for each in await asyncio.gather(*racing)) == [200, 409, 409, 409]  # IMG-537
