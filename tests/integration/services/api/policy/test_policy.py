"""Who sees what, and who may do what: 403 or 404 (section 5 of the contract, and the matrices of AC-13 and AC-14)."""

import uuid

import pytest
import pytest_asyncio

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATCH = {"op": "add", "path": "/note", "value": "x"}
SYSTEM = {"OpenStack-System-Scope": "all"}

CALLERS = {
    "reader of p1": ("p1", "reader", {}),
    "member of p1": ("p1", "member", {}),
    "both of p1": ("p1", "member,reader", {}),
    "nothing of p1": ("p1", "other", {}),
    "reader of p2": ("p2", "reader", {}),
    "both of p2": ("p2", "member,reader", {}),
    "sharer": ("p3", "member,reader", {}),
    "reading sharer": ("p3", "reader", {}),
    "admin": ("admins", "admin,member,reader", {}),
    "admin alone": ("admins", "admin", {}),
    "service": ("services", "service", {}),
    "service that reads": ("services", "service,reader", {}),
    "system admin": (None, "admin,member,reader", SYSTEM),
    "domain admin": (None, "admin,member,reader", {"X-Domain-Id": "d1"}),
    "unscoped": (None, "member,reader", {}),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def images(shared):
    """An image of p1 for each visibility; the one that is shared has the member p3, who did not answer yet."""
    owner = shared.person("p1")
    made = {}
    for visibility in ("private", "shared", "community", "public"):
        by = shared.admin if visibility == "public" else owner
        made[visibility] = (await by.create(owner="p1", visibility=visibility))["id"]
    await owner.ask("POST", f"/v2/images/{made['shared']}/members", {"member": "p3"})
    return made


def caller(shared, name):
    project, roles, headers = CALLERS[name]
    somebody = shared.person(project, roles=roles)
    somebody.headers.update(headers)
    return somebody


@pytest.mark.rule("AC-13")
@pytest.mark.rule("AC-15")
@pytest.mark.parametrize(
    ("visibility", "name", "get", "patch", "members", "file"),
    [
        # the owner's project; IMG-116, IMG-118, IMG-123
        ("private", "reader of p1", 200, 403, 403, 403),
        ("private", "member of p1", 404, 200, 403, 204),
        ("private", "both of p1", 200, 200, 403, 204),
        ("private", "nothing of p1", 404, 404, 403, 404),
        ("shared", "reader of p1", 200, 403, 200, 403),
        ("community", "reader of p1", 200, 403, 403, 403),
        # strangers
        ("private", "reader of p2", 404, 404, 404, 404),  # IMG-146
        ("private", "both of p2", 404, 404, 404, 404),
        ("private", "service", 404, 404, 404, 404),  # IMG-139
        ("private", "unscoped", 404, 404, 404, 404),
        ("shared", "reader of p2", 404, 404, 404, 404),  # IMG-145
        ("shared", "both of p2", 404, 404, 404, 404),
        ("community", "reader of p2", 200, 403, 403, 403),  # IMG-143
        ("community", "both of p2", 200, 403, 403, 204),
        ("public", "reader of p2", 200, 403, 403, 403),
        ("public", "both of p2", 200, 403, 403, 204),
        ("public", "unscoped", 200, 403, 403, 204),
        ("public", "service", 404, 404, 403, 404),
        ("public", "service that reads", 200, 403, 403, 403),
        ("community", "nothing of p1", 404, 404, 403, 404),  # IMG-141
        # whom it is shared with; IMG-110, IMG-133, IMG-144
        ("shared", "sharer", 200, 403, 200, 204),
        ("shared", "reading sharer", 200, 403, 200, 403),
        ("private", "sharer", 404, 404, 404, 404),
        # administrators; IMG-114
        ("private", "admin", 200, 200, 403, 204),
        ("shared", "admin alone", 200, 200, 200, 204),
        ("community", "admin", 200, 200, 403, 204),
        # who is scoped elsewhere; AC-4, AC-7
        ("private", "system admin", 404, 404, 403, 404),
        ("shared", "system admin", 404, 404, 404, 404),
        ("public", "system admin", 404, 404, 403, 404),
        ("public", "domain admin", 404, 404, 403, 404),
    ],
)
async def test_who_may_do_what_with_an_image(shared, images, visibility, name, get, patch, members, file):
    somebody, path = caller(shared, name), f"/v2/images/{images[visibility]}"
    assert (await somebody.get(path)).status == get
    assert (await somebody.patch(images[visibility], PATCH)).status == patch
    assert (await somebody.get(f"{path}/members")).status == members
    assert (await somebody.get(f"{path}/file")).status == file
    if patch != 200:  # the rest goes by the same rule, but for what a call looks at before (IMG-142)
        octets = {"Content-Type": "application/octet-stream"}
        for method, end, body, headers in (
            ("PUT", "/tags/t", None, {}),
            ("DELETE", "/tags/t", None, {}),
            ("POST", "/actions/deactivate", None, {}),  # IMG-125
            ("POST", "/actions/reactivate", None, {}),
            ("PUT", "/file", b"x", octets),  # IMG-122
            ("PUT", "/stage", b"x", octets),
            ("DELETE", "", None, {}),  # IMG-121
        ):
            answer = await somebody.ask(method, f"{path}{end}", body, headers=headers)
            assert answer.status == patch, (method, end)


@pytest.mark.rule("AC-14")
@pytest.mark.parametrize(
    ("name", "listed", "created"),
    [
        ("reader of p1", 200, 403),  # IMG-117, IMG-149
        ("member of p1", 403, 201),  # IMG-148, IMG-316
        ("both of p1", 200, 201),
        ("nothing of p1", 403, 403),
        ("service", 403, 403),
        ("admin alone", 200, 201),
        ("system admin", 403, 403),
        ("domain admin", 403, 403),
    ],
)
async def test_who_may_list_and_create(shared, name, listed, created):
    somebody = caller(shared, name)
    assert (await somebody.get("/v2/images")).status == listed
    assert (await somebody.ask("POST", "/v2/images", {})).status == created


@pytest.mark.rule("AC-14")
@pytest.mark.rule("IMG-115")
@pytest.mark.rule("IMG-119")
@pytest.mark.rule("IMG-120")
@pytest.mark.parametrize(
    ("name", "body", "status"),
    [
        ("both of p1", {"owner": "p1"}, 201),  # IMG-259
        ("both of p1", {"owner": "p2"}, 403),
        ("both of p1", {"owner": None}, 403),
        ("both of p1", {"owner": ""}, 403),
        ("admin", {"owner": "p1"}, 201),
        ("admin", {"owner": None}, 201),
        ("admin", {"owner": ""}, 201),
        ("both of p1", {"visibility": "public"}, 403),  # IMG-260
        ("both of p1", {"visibility": "community"}, 201),
        ("both of p1", {"visibility": "private"}, 201),
        ("both of p1", {"visibility": "shared"}, 201),
        ("admin", {"visibility": "public"}, 201),
        ("reader of p1", {"visibility": "community"}, 403),
    ],
)
async def test_who_may_create_what_for_whom(shared, name, body, status):
    answer = await caller(shared, name).ask("POST", "/v2/images", body)
    assert answer.status == status
    if status == 201:
        assert body.items() <= answer.json.items()


async def test_a_create_for_somebody_else_is_told_for_whom(shared):  # AC-14
    answer = await caller(shared, "both of p1").ask("POST", "/v2/images", {"owner": "p2"})
    assert b"You are not permitted to create images owned by 'p2'" in answer.content


@pytest.mark.rule("IMG-111")
@pytest.mark.rule("AC-12")
async def test_what_is_not_seen_is_told_like_what_never_was(shared, images):
    somebody, never = caller(shared, "both of p2"), str(uuid.uuid4())

    async def said(image_id):
        answer = await somebody.get(f"/v2/images/{image_id}", headers={"Accept": "application/json"})
        return answer.status, answer.json["message"].replace(image_id, "ID")

    assert await said(images["private"]) == await said(never)
    deleted = await shared.person("p2").create()
    await somebody.ask("DELETE", f"/v2/images/{deleted['id']}")
    assert await said(deleted["id"]) == await said(never)


@pytest.mark.rule("AC-12")
async def test_a_denial_names_the_rule(shared, images):
    answer = await caller(shared, "both of p2").patch(images["public"], PATCH)
    assert b"You are not authorized to complete modify_image action." in answer.content


@pytest.mark.rule("IMG-112")
async def test_members_see_an_image_only_while_it_is_shared(shared, images):
    owner, sharer = caller(shared, "both of p1"), caller(shared, "sharer")
    image_id, path = images["shared"], f"/v2/images/{images['shared']}"
    for visibility, status in (("private", 404), ("shared", 200)):
        change = {"op": "replace", "path": "/visibility", "value": visibility}
        assert (await owner.patch(image_id, change)).status == 200
        assert (await sharer.get(path)).status == status
    members = (await owner.get(f"{path}/members")).json["members"]
    assert [(each["member_id"], each["status"]) for each in members] == [("p3", "pending")]  # IMG-343


@pytest.mark.rule("IMG-110")
@pytest.mark.parametrize("status", ["pending", "accepted", "rejected"])
async def test_every_member_sees_an_image_whatever_it_said_to_it(shared, status):
    owner, member = shared.person("p1"), shared.person("p4")
    image = await owner.create()
    await owner.ask("POST", f"/v2/images/{image['id']}/members", {"member": "p4"})
    if status != "pending":
        await member.ask("PUT", f"/v2/images/{image['id']}/members/p4", {"status": status})
    assert (await member.get(f"/v2/images/{image['id']}")).status == 200


@pytest.mark.rule("IMG-110")
@pytest.mark.rule("AC-15")
async def test_an_image_of_nobody_is_shown_by_storage_and_hidden_by_the_rules(shared):
    image = await shared.admin.create(owner=None, visibility="private")
    owner, unscoped = shared.person("p1"), shared.person(None)
    assert (await owner.get(f"/v2/images/{image['id']}")).status == 404
    assert (await unscoped.get(f"/v2/images/{image['id']}")).status == 200  # AC-1: None is None
    assert (await owner.get(f"/v2/images/{image['id']}/members")).status == 403  # which is asked before any rule


@pytest.mark.rule("IMG-113")
@pytest.mark.parametrize("image_id", ["x", "A" * 3000, str(uuid.UUID(int=1)), "%20", "ü", "..%2e", "%F0%9F%98%80"])
async def test_an_id_is_any_text(shared, image_id):  # IMG-274
    for method, body in (("GET", None), ("DELETE", None)):
        assert (await shared.person().ask(method, f"/v2/images/{image_id}", body)).status == 404
    assert (await shared.person().patch(image_id, PATCH)).status == 404


@pytest.mark.rule("IMG-153")
async def test_an_id_in_another_case_is_another_id(shared):
    image_id = str(uuid.uuid4()).upper()
    await shared.person().create(id=image_id)
    assert (await shared.person().get(f"/v2/images/{image_id}")).status == 200
    assert (await shared.person().get(f"/v2/images/{image_id.lower()}")).status == 404


@pytest.mark.rule("IMG-147")
@pytest.mark.rule("AC-17")
@pytest.mark.parametrize(
    ("visibility", "name", "status"),
    [
        ("public", "both of p2", 200),
        ("public", "reader of p2", 200),
        ("shared", "sharer", 200),
        ("private", "both of p2", 404),
        ("private", "member of p1", 404),  # may not look at it
    ],
)
async def test_an_empty_change_asks_no_rule_but_whether_the_image_may_be_seen(shared, images, visibility, name, status):
    before = await shared.admin.show(images[visibility])
    answer = await caller(shared, name).patch(images[visibility])
    assert answer.status == status
    if status == 200:
        assert answer.json["updated_at"] == before["updated_at"]  # IMG-178


@pytest.mark.rule("AC-12")
@pytest.mark.rule("AC-17")
@pytest.mark.parametrize(
    ("name", "visibility", "operation", "status", "said"),
    [
        ("both of p2", "public", ("/visibility", "public"), 403, b"publicize_image"),
        ("both of p2", "community", ("/visibility", "community"), 403, b"communitize_image"),
        ("both of p2", "public", ("/visibility", "private"), 403, b"modify_image"),
        ("both of p2", "public", ("/owner", "p2"), 403, b"Owner can"),
        ("both of p2", "private", ("/visibility", "public"), 404, b""),
        ("both of p2", "private", ("/owner", "p2"), 404, b""),
        ("member of p1", "private", ("/visibility", "public"), 403, b"publicize_image"),
        ("nothing of p1", "private", ("/visibility", "public"), 403, b"publicize_image"),
        ("nothing of p1", "private", ("/name", "a"), 404, b""),
    ],
)
async def test_which_refusal_of_a_change_comes_first(shared, images, name, visibility, operation, status, said):
    path, value = operation
    answer = await caller(shared, name).patch(images[visibility], {"op": "replace", "path": path, "value": value})
    assert answer.status == status
    assert said in answer.content


EMPTY = {"op": "replace", "path": "/locations", "value": []}
OTHER = {"op": "replace", "path": "/locations", "value": [{"url": "http://x.test/disk", "metadata": {}}]}
ONE_MORE = {"op": "add", "path": "/locations/-", "value": {"url": "http://x.test/disk", "metadata": {}}}
ONE_LESS = {"op": "remove", "path": "/locations/0"}


@pytest.mark.rule("AC-91", "AC-93")
@pytest.mark.parametrize(
    ("roles", "project", "change", "status", "said"),
    [
        ("reader", "p1", EMPTY, 403, "Cannot set locations to empty list."),  # before any rule
        ("reader", "p2", EMPTY, 403, "Cannot set locations to empty list."),
        ("reader", "p1", OTHER, 403, "set_image_location"),
        ("reader", "p1", ONE_MORE, 403, "set_image_location"),
        ("member,reader", "p1", ONE_LESS, 403, "delete_image_location"),  # administrators alone
        ("reader", "p2", OTHER, 403, "set_image_location"),
        ("nothing", "p2", OTHER, 404, "could not be found"),
        ("member,reader", "p1", OTHER, 403, "if locations are invisible"),
        ("member,reader", "p1", ONE_MORE, 403, "if locations are invisible"),
        ("admin,member,reader", "p1", ONE_LESS, 403, "if locations are invisible"),
        ("admin,member,reader", "p1", OTHER, 403, "if locations are invisible"),
    ],
)
async def test_nobody_puts_other_bytes_behind_an_image_and_rules_say_so_first(
    shared, images, roles, project, change, status, said
):
    image_id = images["public"]
    answer = await shared.person(project, roles=roles).patch(image_id, change)
    assert (answer.status, said in answer.content.decode()) == (status, True)
    assert "locations" not in await shared.admin.show(image_id)
