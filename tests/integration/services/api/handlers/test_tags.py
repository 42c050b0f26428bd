"""Tags, one at a time, over a socket."""

import pytest

LONGEST = "t" * 255


def path(image, tag="a"):
    return f"/v2/images/{image['id']}/tags/{tag}"


@pytest.mark.rule("IMG-509")
@pytest.mark.rule("IMG-178")
async def test_a_tag_goes_on_and_comes_off_and_each_is_told(api, owner):
    image = await owner.create(tags=["a"])
    put = await owner.ask("PUT", path(image, "b"))
    assert (put.status, put.content) == (204, b"")
    assert sorted((await owner.show(image["id"]))["tags"]) == ["a", "b"]
    deleted = await owner.ask("DELETE", path(image, "a"))
    assert (deleted.status, deleted.content) == (204, b"")
    assert (await owner.show(image["id"]))["tags"] == ["b"]
    assert await api.told(image["id"]) == ["image.created", "image.updated", "image.updated"]
    row = await api.row(image["id"])
    assert row.version == 3
    assert row.updated_at > row.created_at


@pytest.mark.rule("IMG-509")
async def test_a_tag_that_is_there_already_changes_nothing(api, owner):
    image = await owner.create(tags=["a"])
    assert (await owner.ask("PUT", path(image))).status == 204
    row = await api.row(image["id"])
    assert (row.version, row.tags) == (1, ["a"])
    assert await api.told(image["id"]) == ["image.created"]


@pytest.mark.parametrize(
    ("sent", "tag"),
    [
        ("a%20b%40c", "a b@c"),  # IMG-510
        ("%C3%A9t%C3%A9", "été"),  # IMG-510, IMG-706
        ("a+b", "a+b"),
        ("a%2525", "a%25"),
        ("A", "A"),  # IMG-208: case matters
        (LONGEST, LONGEST),  # IMG-512
    ],
)
async def test_a_tag_is_what_the_path_says_once_it_is_decoded(owner, sent, tag):
    image = await owner.create(tags=["a"])
    assert (await owner.ask("PUT", path(image, sent))).status == 204
    assert sorted((await owner.show(image["id"]))["tags"]) == sorted(["a", tag])
    assert (await owner.ask("DELETE", path(image, sent))).status == 204
    assert (await owner.show(image["id"]))["tags"] == ["a"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("a%2Fb", 404),  # IMG-511, IMG-82
        ("", 404),  # IMG-511
        ("a/", 404),  # IMG-511
        ("t" * 256, 400),  # IMG-512
        ("%F0%9F%92%BE", 400),  # IMG-518
        ("a%00", 404),  # nothing is called that
        ("%FF", 400),  # IMG-510
    ],
)
async def test_a_tag_that_no_path_can_name_is_refused_before_the_image_is_looked_for(
    owner, an_id, method, sent, status
):
    image = await owner.create()
    assert (await owner.ask(method, path(image, sent))).status == status
    assert (await owner.ask(method, f"/v2/images/{an_id}/tags/{sent}")).status == status  # IMG-512


@pytest.mark.rule("IMG-511")
async def test_tags_that_no_path_can_name_can_be_set_as_a_list(owner):
    image = await owner.create(tags=["a/b", ""])
    assert sorted(image["tags"]) == ["", "a/b"]


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
@pytest.mark.parametrize("body", [b"x", b"{}"])
async def test_a_body_is_refused_first(owner, an_id, method, body):  # IMG-513, IMG-84
    answer = await owner.ask(method, f"/v2/images/{an_id}/tags/{'t' * 256}", body, headers={"Accept": "*/*"})
    assert answer.status == 400
    assert b"A body is not expected" in answer.content


@pytest.mark.rule("IMG-514")
async def test_a_tag_that_is_not_there_can_not_be_taken_off(api, owner):
    image = await owner.create(tags=["a"])
    assert (await owner.ask("DELETE", path(image, "A"))).status == 404
    assert (await api.row(image["id"])).version == 1


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_tags_are_the_owners(api, owner, stranger, admin, an_id, method):
    private = await owner.create(tags=["a"], visibility="private")
    community = await owner.create(tags=["a"], visibility="community")
    assert (await owner.ask(method, f"/v2/images/{an_id}/tags/a")).status == 404  # IMG-515
    assert (await stranger.ask(method, path(private))).status == 404  # IMG-515
    assert (await stranger.ask(method, path(community))).status == 403  # IMG-516
    assert (await stranger.ask(method, path(community, "missing"))).status == 403  # AC-17: rule before state
    reader = api.person("p1", roles="reader")
    assert (await reader.ask(method, path(private))).status == 403  # IMG-118
    assert (await api.person("p1", roles="member").ask(method, path(private))).status == 204  # AC-12
    assert (await admin.ask(method, path(community))).status == 204


async def test_the_quota_counts_what_the_image_would_have(run, settings):  # IMG-517, IMG-632, IMG-635
    settings["images"] = {"tag_quota": 2}
    async with run(settings) as api:
        owner = api.person()
        image = await owner.create(tags=["a", "b"])
        assert (await owner.ask("PUT", path(image, "a"))).status == 204  # at the quota, and there already
        assert (await owner.ask("PUT", path(image, "c"))).status == 413
        assert sorted((await owner.show(image["id"]))["tags"]) == ["a", "b"]
        await api.execute("UPDATE images SET tags = '{a,b,c}'")  # as if the quota had been lowered
        assert (await owner.ask("PUT", path(image, "a"))).status == 413
        assert (await owner.ask("DELETE", path(image, "a"))).status == 204


@pytest.mark.parametrize("status", ["queued", "uploading", "importing", "deactivated"])
async def test_tags_change_in_every_state(api, owner, status):  # IMG-252
    image = await owner.create()
    await api.execute("UPDATE images SET status = $1", status)
    assert (await owner.ask("PUT", path(image))).status == 204
    assert (await owner.ask("DELETE", path(image))).status == 204


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PATCH"])
async def test_other_methods_name_those_that_work(owner, an_id, method):  # IMG-519, IMG-669
    answer = await owner.ask(method, f"/v2/images/{an_id}/tags/a")
    assert (answer.status, answer.headers["Allow"]) == (405, "PUT, DELETE")
