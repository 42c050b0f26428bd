"""Listing images: what every parameter means, in which order and by which pages (section 10)."""

from urllib.parse import quote

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

IDS = {name: f"00000000-0000-4000-8000-{number:012d}" for number, name in enumerate("abcdef", 1)}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def owner(shared):
    """Somebody whose project has six images, a to f, a minute apart."""
    owner = shared.person("p1")
    await owner.create(id=IDS["a"], name="alpha", min_disk=1, min_ram=10, tags=["x", "y"], os="linux", note="")
    await owner.create(id=IDS["b"], name="beta:1", disk_format="raw", container_format="bare", tags=["x"], os="linux")
    await owner.create(id=IDS["c"], name="gamma, delta", disk_format="qcow2", container_format="ova", protected=True)
    await owner.create(id=IDS["d"], name='say "x"', visibility="private", tags=["é", "a b"], os="plan9")
    await owner.create(id=IDS["e"], name="", min_disk=5, visibility="community")
    await owner.create(id=IDS["f"], os_hidden=True, name="hidden")
    for minute, image_id in enumerate(IDS.values()):
        await shared.execute(
            "UPDATE images SET created_at = '2026-01-01 12:00:00.5+00'::timestamptz + $2 * interval '1 minute',"
            " updated_at = '2026-02-01 12:00:00+00'::timestamptz - $2 * interval '1 day' WHERE id = $1",
            image_id,
            minute,
        )
    digests = "checksum = repeat('c', 32), os_hash_algo = 'sha512', os_hash_value = 'abc'"
    await shared.execute(f"UPDATE images SET size = 100, virtual_size = 7, {digests} WHERE id = $1", IDS["b"])
    await shared.execute("UPDATE images SET size = 5000000000, status = 'saving' WHERE id = $1", IDS["c"])
    return owner


def names_of(images):
    named = {image_id: name for name, image_id in IDS.items()}
    return "".join(named[image["id"]] for image in images)


async def listed(person, query):
    answer = await person.get(f"/v2/images?{query}")
    assert answer.status == 200, answer.content
    return names_of(answer.json["images"])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "edcba"),  # IMG-313
        # texts: IMG-291
        ("name=alpha", "a"),
        ("name=Alpha", ""),
        ("name=eq:beta:1", "b"),
        ("name=in:alpha,nothing", "a"),
        ('name=in:"beta:1"', "b"),  # IMG-309
        ('name=in:alpha,"gamma, delta"', "ca"),  # IMG-308
        ('name=in:"say \\"x\\""', "d"),
        ("name=", "e"),  # IMG-307
        ("name=in:,alpha", "ea"),
        (f"id={IDS['b']}", "b"),
        (f"id=in:{IDS['b']},{IDS['d']},x", "db"),
        ("id=x", ""),
        ("status=queued", "edba"),
        ("status=in:saving,queued", "edcba"),
        ("status=bogus", ""),
        ("status=killed", ""),  # IMG-285
        ("status=deleted", ""),
        ("container_format=bare", "b"),
        ("disk_format=in:raw,qcow2", "cb"),
        # times: IMG-292, IMG-310
        ("created_at=2026-01-01T12:00:00.5Z", "a"),
        ("created_at=2026-01-01T12:00:00Z", ""),  # to the microsecond
        ("created_at=gt:2026-01-01T12:01:00.5Z", "edc"),
        ("created_at=gte:2026-01-01T12:01:00.5Z", "edcb"),
        ("created_at=lt:2026-01-01T12:01:00.5Z", "a"),
        ("created_at=lte:2026-01-01T12:01:00.5Z", "ba"),
        ("created_at=neq:2026-01-01T12:01:00.5Z", "edca"),
        ("created_at=gt:2026-01-01T14:01:00.5%2B02:00", "edc"),
        ("created_at=lt:2026-01-01", ""),
        ("updated_at=gte:2026-01-31", "ba"),
        ("created_at=gt:0001-01-01", "edcba"),
        ("created_at=gt:9999-12-31", ""),
        # numbers: IMG-293, IMG-294, IMG-295
        ("size_min=100", "cb"),
        ("size_max=100", "b"),
        ("size_min=101&size_max=5000000000", "c"),
        ("size_min=-5", "cb"),  # those without a size never match
        ("size_max=99999999999999999999999999", "cb"),
        ("size_min=99999999999999999999999999", ""),
        ("min_disk_min=2", "e"),
        ("min_disk_max=1", "dcba"),
        ("min_disk_min=99999999999", ""),
        ("min_disk_max=-99999999999", ""),
        ("min_ram_min=10&min_ram_max=10", "a"),
        ("virtual_size_min=7", "b"),
        ("virtual_size_max=6", ""),
        ("size=100", "b"),
        ("size=5000000000", "c"),
        ("size=a", ""),  # IMG-701
        ("min_ram=a", ""),
        ("min_ram=", ""),
        ("min_disk=1", "a"),
        ("min_disk=99999999999", ""),
        ("min_disk=99999999999999999999999999", ""),
        ("virtual_size=7", "b"),
        ("checksum=cccccccccccccccccccccccccccccccc", "b"),
        ("os_hash_value=abc", "b"),
        ("os_hash_algo=sha512", "b"),
        ("owner=p1", "edcba"),  # IMG-296
        ("owner=p2", ""),
        # switches: IMG-299, IMG-300
        ("os_hidden=true", "f"),
        ("os_hidden=TRUE", "f"),
        ("os_hidden=false", "edcba"),
        ("protected=true", "c"),
        ("protected=false", "edba"),
        # IMG-297, IMG-282
        ("visibility=private", "d"),
        ("visibility=shared", "cba"),
        ("visibility=community", "e"),
        ("visibility=public", ""),
        ("visibility=all", "edcba"),
        ("visibility=", ""),
        # IMG-298
        ("member_status=pending", "edcba"),
        ("member_status=all", "edcba"),
        # tags: IMG-301
        ("tag=x", "ba"),
        ("tag=x&tag=y", "a"),
        ("tag=x&tag=x", "ba"),
        ("tag=x&tag=nothing", ""),
        ("tag=X", ""),
        ("tag=%C3%A9", "d"),
        ("tag=a+b", "d"),
        ("tag=", ""),
        # properties: IMG-303, IMG-306
        ("os=linux", "ba"),
        ("os=linux&name=alpha", "a"),
        ("os=linux&note=", "a"),
        ("os=in:linux", ""),  # no operators there
        ("note=", "a"),
        ("foo=", ""),
        # IMG-304: what nobody knows is a property that no image has
        ("bogus=1", ""),
        ("self=/v2/images/x", ""),
        ("is_public=True", ""),
        ("stores=fast", ""),
        # IMG-305: of repeated ones the last counts
        ("name=x&name=alpha", "a"),
        ("os=linux&os=plan9", "d"),
        ("limit=0&limit=5", "edcba"),
        # IMG-286, IMG-302
        ("deleted=true", "edcba"),
        ("deleted=maybe", "edcba"),
        ("changes-since=", "edcba"),
        # orders: IMG-312 to IMG-315, IMG-289, IMG-290
        ("sort_dir=asc", "abcde"),
        ("sort_key=name&sort_dir=asc", "eabcd"),
        ("sort_key=size", "cbeda"),  # without a size: 0, and then the newest
        ("sort_key=size&sort_dir=asc", "adebc"),
        ("sort_key=status&sort_dir=asc&sort_key=name&sort_dir=desc", "dbaec"),
        ("sort=status,name:asc", "ceabd"),
        ("sort=disk_format", "bceda"),
        ("sort=container_format:asc", "edabc"),
        ("sort=updated_at", "abcde"),
        ("sort=id:asc", "abcde"),
    ],
)
async def test_what_a_query_lists(owner, query, expected):
    assert await listed(owner, query) == expected


@pytest.mark.parametrize(
    "query",
    [
        # IMG-287
        "limit=",
        "limit=x",
        "limit=-1",
        "limit=1.5",
        "limit=0x1",
        "limit=%D9%A1",
        # IMG-288
        "marker=",
        "marker=x",
        f"marker={'a' * 5000}",
        "marker=00000000-0000-4000-8000-00000000ffff",
        f"marker={IDS['a'].replace('-', '')}",
        # IMG-289, IMG-312, IMG-314
        "sort_key=owner",
        "sort_key=min_disk",
        "sort_key=visibility",
        "sort_key=",
        "sort_key=name%3B",
        "sort_dir=up",
        "sort_dir=",
        "sort_dir=ASC",
        "sort_key=name&sort_dir=asc&sort_dir=desc",
        "sort_key=name&sort_key=size&sort_key=id&sort_dir=asc&sort_dir=desc",
        # IMG-290
        "sort=",
        "sort=name,",
        "sort=,name",
        "sort=name:up",
        "sort=name:",
        "sort=name:asc:desc",
        "sort=owner",
        "sort=name&sort_key=name",
        "sort=name&sort_dir=asc",
        # IMG-291, IMG-308
        "name=foo:bar",
        "name=nin:a",
        "name=:a",
        "status=gt:a",
        'name=in:"a',
        'name=in:a"b"',
        # IMG-292
        "created_at=yesterday",
        "created_at=",
        "created_at=in:2026-01-01",
        "created_at=gt:",
        "updated_at=2026-13-01",
        "created_at=2026-01-01T12:00:00+02:00",  # an unescaped plus is a blank
        "created_at=0001-01-01T00:00:00%2B14:00",
        "created_at=9999-12-31T23:59:59-14:00",
        # IMG-293, IMG-294
        "size_min=x",
        "size_max=",
        "size_max=1.5",
        "min_disk_min=a",
        "min_ram_max=a",
        "virtual_size_max=1e3",
        # IMG-297 to IMG-300
        "visibility=everybody",
        "visibility=Public",
        "member_status=maybe",
        "member_status=",
        "os_hidden=maybe",
        "os_hidden=",
        "protected=True",
        "protected=",
        "protected=1",
        # IMG-302
        "changes-since=2026-01-01",
        # IMG-311, IMG-699, IMG-700
        "foo_min=1",
        "foo_max=1",
        "checksum_min=a",
        "properties=a",
        "locations=a",
        "members=a",
        "tags=abc",
    ],
)
async def test_a_value_that_makes_no_sense_is_refused(owner, query):  # IMG-317
    assert (await owner.get(f"/v2/images?{query}")).status == 400


@pytest.mark.rule("IMG-276")
@pytest.mark.rule("IMG-171")
async def test_images_look_in_a_list_as_they_do_alone(owner):
    page = (await owner.get("/v2/images")).json
    assert (page["first"], page["schema"], "next" in page) == ("/v2/images", "/v2/schemas/images", False)
    assert page["images"] == [await owner.show(image["id"]) for image in page["images"]]


@pytest.mark.rule("IMG-277")
@pytest.mark.rule("IMG-278")
@pytest.mark.rule("IMG-708")
@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("", ""),
        ("limit=2", "?limit=2"),
        ("name=a+b&status=in:x,y", "?name=a+b&status=in%3Ax%2Cy"),
        ("tag=b&limit=1&tag=a", "?tag=b&limit=1&tag=a"),
        (f"limit=1&marker={IDS['c']}&sort_dir=asc", "?limit=1&sort_dir=asc"),
        ("foo=", "?foo="),
        ("foo=%26%3D%25%C3%A9", "?foo=%26%3D%25%C3%A9"),
    ],
)
async def test_the_first_link_is_the_query_without_its_marker(owner, query, first):
    assert (await owner.get(f"/v2.3/images?{query}")).json["first"] == f"/v2/images{first}"


@pytest.mark.rule("IMG-279")
@pytest.mark.rule("IMG-280")
@pytest.mark.rule("IMG-46")
async def test_there_is_a_next_page_exactly_after_a_full_one(owner):
    for limit, has_next in ((1, True), (4, True), (5, True), (6, False), (0, False)):
        page = (await owner.get(f"/v2/images?limit={limit}")).json
        assert ("next" in page) is has_next
    page = (await owner.get("/v2/images?limit=5")).json
    after = (await owner.get(page["next"])).json
    assert (after["images"], "next" in after) == ([], False)


@pytest.mark.rule("IMG-20")
@pytest.mark.rule("IMG-287")
@pytest.mark.rule("IMG-634")
async def test_pages_have_a_usual_and_a_largest_size(run, settings):
    settings["api"] |= {"limit_param_default": 2, "api_limit_max": 3}
    async with run(settings) as api:
        owner = api.person()
        for _ in range(5):
            await owner.create()
        for query, count in (("", 2), ("?limit=1", 1), ("?limit=3", 3), ("?limit=5", 3), (f"?limit={10**30}", 3)):
            page = (await owner.get(f"/v2/images{query}")).json
            assert (len(page["images"]), "next" in page) == (count, True)


@pytest.mark.rule("IMG-288")
async def test_a_marker_must_be_an_image_that_is_seen(shared, owner):
    foreign = await shared.person("p2").create(visibility="private")
    gone = await shared.person("p1").create()
    await owner.ask("DELETE", f"/v2/images/{gone['id']}")
    assert (await owner.get(f"/v2/images?marker={foreign['id']}")).status == 403
    assert (await owner.get(f"/v2/images?limit=0&marker={foreign['id']}")).status == 403
    assert (await owner.get(f"/v2/images?marker={gone['id']}")).status == 400
    for marker in (gone, foreign):
        assert (await shared.admin.get(f"/v2/images?marker={marker['id']}")).status == 200


SORTS = ["", "sort_dir=asc", "sort=name", "sort=name:asc", "sort=size,name:asc", "sort=disk_format:asc,id:asc"]
SORTS += [
    "sort=status:asc,size:desc,name:asc",
    "sort=updated_at:asc",
    "sort=id",
    "sort=container_format,created_at:asc",
]


async def pages(person, query):
    """Follow the links from the first page to the last; returns the ids in their order."""
    path, ids = f"/v2/images?{query}", []
    while path:
        page = (await person.get(path)).json
        ids += [image["id"] for image in page["images"]]
        path = page.get("next")
    return ids


@pytest.mark.rule("IMG-315")
@pytest.mark.rule("IMG-277")
@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 2, 3])
async def test_pages_show_everything_once_in_the_order_of_one_long_page(owner, sort, limit):
    whole = [image["id"] for image in (await owner.get(f"/v2/images?{sort}&visibility=all")).json["images"]]
    assert await pages(owner, f"{sort}&visibility=all&limit={limit}") == whole
    assert names_of({"id": image_id} for image_id in sorted(whole)) == "abcde"


@pytest.mark.rule("IMG-315")
async def test_images_made_at_the_same_moment_are_told_apart_by_their_ids(shared):
    twins = shared.person("p-twins")
    made = sorted([(await twins.create())["id"] for _ in range(7)], reverse=True)
    await shared.execute("UPDATE images SET created_at = '2026-01-01' WHERE owner = 'p-twins'")
    assert await pages(twins, "limit=2") == made
    assert await pages(twins, "limit=3&sort_dir=asc") == made[::-1]
    assert await pages(twins, "limit=2&sort=name:asc") == made  # nulls are equal


@pytest.mark.rule("IMG-315")
@pytest.mark.parametrize("sort", ["", "sort=name:asc", "sort_dir=asc"])
async def test_pages_stay_in_their_place_while_images_come_and_go(shared, sort):
    """What was there from first to last is shown, and nothing twice, whatever else happens between the pages."""
    busy = shared.person(f"p-busy-{sort}")
    made = [(await busy.create(name=f"m{number}"))["id"] for number in range(12)]
    leaving = set(made[::4])
    path, seen = f"/v2/images?limit=2&{sort}", []
    while path:
        page = (await busy.get(path)).json
        seen += [image["id"] for image in page["images"]]
        path = page.get("next") if len(seen) < 40 else None
        gone = next((image_id for image_id in leaving if image_id not in seen), None)
        if gone:  # the marker itself may not go: that is a 400
            leaving.discard(gone)
            await busy.ask("DELETE", f"/v2/images/{gone}")
            for name in ("a", "m5", "z"):  # before, among and behind the others
                await busy.create(name=name)
    assert len(seen) == len(set(seen))
    assert set(made) - set(made[::4]) <= set(seen)


@pytest.mark.rule("IMG-288")
async def test_an_administrator_can_go_on_after_an_image_that_is_gone(shared):
    owner = shared.person("p-gone")
    first, second, _third = [(await owner.create())["id"] for _ in range(3)]
    await owner.ask("DELETE", f"/v2/images/{second}")
    page = (await shared.admin.get(f"/v2/images?owner=p-gone&marker={second}")).json
    assert [image["id"] for image in page["images"]] == [first]


@pytest.mark.rule("IMG-285")
async def test_a_deactivated_image_is_listed_and_a_killed_one_is_not(shared):
    owner = shared.person("p-states")
    image = await owner.create_active()
    await owner.ask("POST", f"/v2/images/{image['id']}/actions/deactivate")
    listed = (await owner.get("/v2/images")).json["images"]
    assert [(each["id"], each["status"]) for each in listed] == [(image["id"], "deactivated")]
    assert "stores" not in listed[0]  # IMG-179
    shown = (await shared.admin.get("/v2/images?owner=p-states")).json["images"]
    assert shown[0]["stores"] == "fast"
    await shared.execute("UPDATE images SET status = 'killed' WHERE id = $1", image["id"])
    assert (await owner.get("/v2/images")).json["images"] == []
    assert (await owner.get(f"/v2/images/{image['id']}")).status == 200  # IMG-216: it can still be shown


@pytest.mark.rule("IMG-687")
async def test_a_list_as_terraform_asks_for_it(shared):
    owner = shared.person("p-terraform")
    image = await owner.create(name="ubuntu", tags=["lts", "x86"], visibility="private")
    query = "limit=50&name=ubuntu&sort=created_at%3Adesc&tag=lts&tag=x86&visibility=private&os_hidden=false"
    assert [each["id"] for each in (await owner.get(f"/v2/images?{query}&member_status=accepted")).json["images"]] == [
        image["id"]
    ]


@pytest.mark.parametrize("text", ["a:b", 'a"b', "a,b", "a\\b", "%", "'", "a\tb", "é", "in:x", "😀"])
async def test_every_name_can_be_asked_for(shared, text):
    owner = shared.person("p-names")
    image = await owner.create(name=text) if text != "😀" else None
    query = quote(f"eq:{text}", safe="")
    found = (await owner.get(f"/v2/images?name={query}")).json["images"]
    assert found == ([image] if image else [])
