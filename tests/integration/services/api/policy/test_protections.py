"""Properties that not everybody may make, read, change or remove: on create, show, list, PATCH, and afterwards."""

import asyncio

import pytest
import pytest_asyncio

from services.scrubber import main as scrubber
from services.scrubber import restore

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROLES = """
[^secret_]
create = admin
read = admin
update = admin
delete = admin

[^licence$]
create = admin, billing
read = @
update = admin,BILLING
delete = !

[^made_once_]
create = @
read = @
update = !
delete = !

[^written_only_]
create = @
read = !
update = @
delete = @

[^empty_]
create = @
read = @
update =
delete =

[^open_]
create = @
read = @
update = @
delete = @

[^os_gl]
create = !
read = !
update = !
delete = !
"""

POLICIES = """
[^secret_]
create = the_boss
read = the_boss
update = the_boss
delete = the_boss

[^owned_]
create = owners_only
read = @
update = !
delete =

[.]
create = @
read = @
update = @
delete = @

[^never_reached_]
create = !
read = !
update = !
delete = !
"""

RULES = """
the_boss: role:boss or role:admin
owners_only: project_id:%(owner)s
"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(fresh_database, run, usual_settings, tmp_path_factory):
    """An API with protections by roles."""
    folder = tmp_path_factory.mktemp("by-roles")
    (folder / "protections.conf").write_text(ROLES)
    told = {"policy": {"property_protection_file": str(folder / "protections.conf")}}
    async with fresh_database() as dsn, run(usual_settings(dsn, folder) | told) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def by_rules(fresh_database, run, usual_settings, tmp_path_factory):
    """An API with protections by rules."""
    folder = tmp_path_factory.mktemp("by-rules")
    (folder / "protections.conf").write_text(POLICIES)
    (folder / "policy.yaml").write_text(RULES)
    told = {
        "file": str(folder / "policy.yaml"),
        "property_protection_file": str(folder / "protections.conf"),
        "property_protection_format": "policies",
    }
    async with fresh_database() as dsn, run(usual_settings(dsn, folder) | {"policy": told}) as made:
        yield made


def reserved(answer, name):
    assert answer.status == 403
    return f"Attribute '{name}' is reserved." in answer.content.decode()


@pytest.mark.rule("AC-50", "AC-51", "AC-52", "AC-53", "IMG-31", "IMG-152")
@pytest.mark.parametrize(
    ("name", "roles", "is_made"),
    [
        ("secret_key", "member,reader", False),
        ("secret_key", "admin,member,reader", True),
        ("licence", "member,reader", False),
        ("licence", "member,reader,Billing", True),
        ("made_once_a", "member,reader", True),
        ("open_a", "member,reader", True),
        ("elsewhere", "member,reader", False),  # no pattern fits
        ("elsewhere", "admin,member,reader", False),
        ("OPEN_a", "member,reader", False),  # patterns look at the case
        ("a_secret_key", "admin,member,reader", False),  # and are looked for in their order, anywhere
    ],
)
async def test_who_may_make_a_property(api, name, roles, is_made):
    answer = await api.person(roles=roles).ask("POST", "/v2/images", {name: "v"})
    assert answer.status == 201 if is_made else reserved(answer, name)


@pytest.mark.rule("AC-53")
async def test_one_property_that_may_not_be_made_stops_the_whole_of_it(api):
    owner = api.person("refused")
    assert reserved(await owner.ask("POST", "/v2/images", {"open_a": "1", "secret_a": "2"}), "secret_a")
    assert (await owner.get("/v2/images")).json["images"] == []


@pytest.mark.rule("AC-17")
async def test_rules_and_quotas_come_before_protections_and_what_can_not_be_kept_after_them(api):
    async def say(person, **members):
        return (await person.ask("POST", "/v2/images", {"secret_a": "1", **members})).content.decode()

    owner, reader = api.person("p1"), api.person("p1", roles="reader")
    assert "add_image" in await say(reader)
    assert "publicize_image" in await say(owner, visibility="public")
    assert "reserved" not in await say(owner, **{f"open_{number}": "v" for number in range(200)})
    assert "reserved" in await say(owner, min_ram=2**40)


@pytest_asyncio.fixture(loop_scope="module")
async def image(api):
    """An image of p1 with properties that its owner does not see."""
    formats = {"disk_format": "raw", "container_format": "bare"}
    made = await api.admin.create(owner="p1", secret_a="1", **SEEN, **formats)
    return made["id"]


SEEN = {"licence": "l", "made_once_a": "m", "open_a": "o", "empty_a": "e"}


def properties(image):
    return {name: image[name] for name in (*SEEN, "secret_a") if name in image}


@pytest.mark.rule("AC-53", "IMG-152")
async def test_what_may_not_be_read_is_not_shown_anywhere(api, image):
    owner = api.person("p1")
    assert properties(await owner.show(image)) == SEEN
    assert properties(await api.admin.show(image)) == SEEN | {"secret_a": "1"}
    listed = {each["id"]: each for each in (await owner.get("/v2/images?limit=100")).json["images"]}
    assert properties(listed[image]) == SEEN
    changed = await owner.patch(image, {"op": "replace", "path": "/name", "value": "n"})
    assert properties(changed.json) == SEEN
    assert "written_only_a" not in await owner.create(written_only_a="x")  # nor to whoever made it


@pytest.mark.rule("AC-53")
async def test_a_filter_finds_what_is_hidden(api, image):
    found = (await api.person("p1").get("/v2/images?secret_a=1&limit=100")).json["images"]
    assert image in [each["id"] for each in found]


@pytest.mark.rule("AC-53")
@pytest.mark.parametrize("dialect", ["2.0", "2.1"])
@pytest.mark.parametrize(
    ("op", "name", "status"),
    [
        ("add", "open_b", 200),  # create
        ("add", "secret_b", 403),
        ("add", "made_once_b", 200),
        ("add", "made_once_a", {"2.1": 403, "2.0": 409}),  # update; the older dialect never replaces
        ("add", "open_a", {"2.1": 200, "2.0": 409}),
        ("add", "licence", {"2.1": 403, "2.0": 409}),
        ("add", "secret_a", 403),  # it is there, and hidden: as one that may not be made
        ("add", "elsewhere", 403),
        ("replace", "open_a", 200),
        ("replace", "licence", 403),
        ("replace", "empty_a", 403),
        ("replace", "secret_a", 409),  # as one that is not there
        ("replace", "open_none", 409),
        ("remove", "open_a", 200),
        ("remove", "made_once_a", 403),
        ("remove", "licence", 403),
        ("remove", "secret_a", 409),
        ("remove", "open_none", 409),
    ],
)
async def test_what_a_change_of_a_property_is_answered(api, image, op, name, status, dialect):
    change = {"op": op, "path": f"/{name}", "value": "new"} if dialect == "2.1" else {op: f"/{name}", "value": "new"}
    kind = f"application/openstack-images-v{dialect}-json-patch"
    answer = await api.person("p1").patch(image, change, dialect=kind)
    expected = status if isinstance(status, int) else status[dialect]
    assert answer.status == expected
    if expected == 403:
        assert reserved(answer, name)
    elif expected == 409 and op != "add":
        assert f"Property {name} does not exist." in answer.content.decode()


@pytest.mark.rule("AC-53")
async def test_one_that_is_there_unreadable_is_not_written_over_by_somebody_who_may_make_it(api):
    owner = api.person("p1")
    made = await owner.create(written_only_a="first")
    answer = await owner.patch(made["id"], {"op": "add", "path": "/written_only_a", "value": "second"})
    assert reserved(answer, "written_only_a")
    row = await api.row(made["id"])
    assert row.properties["written_only_a"] == "first"


@pytest.mark.rule("AC-17", "AC-53")
async def test_rules_come_before_protections_on_a_change_too(api, image):
    change = {"op": "replace", "path": "/licence", "value": "x"}
    answer = await api.person("p1", roles="reader").patch(image, change)
    assert "modify_image" in answer.content.decode()
    assert (await api.person("p2").patch(image, change)).status == 404


@pytest.mark.rule("AC-54")
async def test_a_change_by_somebody_who_does_not_see_all_of_it_takes_nothing_away(api, image):
    owner = api.person("p1")
    changes = [
        {"op": "replace", "path": "/name", "value": "n"},
        {"op": "remove", "path": "/open_a"},
        {"op": "add", "path": "/open_b", "value": "b"},
    ]
    assert (await owner.patch(image, *changes)).status == 200
    row = await api.row(image)
    assert row.properties == {
        "licence": "l",
        "secret_a": "1",
        "made_once_a": "m",
        "empty_a": "e",
        "open_b": "b",
    }


@pytest.mark.rule("AC-53", "AC-54")
async def test_a_protected_property_stops_no_delete_and_comes_back_with_the_image(api, image):
    owner = api.person("p1")
    assert (await owner.upload(image, b"bytes")).status == 204
    assert (await owner.ask("DELETE", f"/v2/images/{image}")).status == 204
    listed = (await api.person("p1", roles="admin,reader,member,nothing").get("/v2/images/deleted")).json["images"]
    assert [properties(each) for each in listed if each["id"] == image] == [SEEN | {"secret_a": "1"}]
    assert (await api.admin.ask("POST", f"/v2/images/{image}/actions/restore")).status == 202
    async with scrubber.opened(api.ports.settings, asyncio.Event()) as ports:
        assert await restore.give_back(ports, image)
    assert properties(await api.admin.show(image)) == SEEN | {"secret_a": "1"}
    assert properties(await owner.show(image)) == SEEN


@pytest.mark.rule("AC-52", "AC-53")
async def test_the_books_of_the_service_are_not_hidden_and_not_for_writing(api, image):
    await api.execute(
        """
        UPDATE images SET properties = properties || '{"os_glance_x": "1", "os_glimpse_y": "2"}' WHERE id = $1
        """,
        image,
    )
    owner = api.person("p1")
    shown = await owner.show(image)
    assert (shown["os_glance_x"], shown["os_glimpse_y"]) == ("1", "2")
    for name in ("os_glance_z", "os_glimpse_z"):
        assert reserved(await owner.patch(image, {"op": "add", "path": f"/{name}", "value": "z"}), name)


@pytest.mark.rule("AC-51", "AC-69")
@pytest.mark.parametrize(("of_service", "is_made"), [("billing", True), ("Billing", False), ("other", False)])
async def test_roles_of_a_service_count_too_as_they_are_written(api, of_service, is_made):
    somebody = api.person("p1")
    somebody.headers["X-Service-Roles"] = of_service
    assert (await somebody.ask("POST", "/v2/images", {"licence": "l"})).status == (201 if is_made else 403)
    del somebody.headers["X-Service-Roles"]
    assert (await somebody.ask("POST", "/v2/images", {"licence": "l"})).status == 403  # nothing of it stays (AC-54)


@pytest.mark.rule("AC-50", "AC-51")
async def test_rules_protect_as_well_and_know_nothing_of_the_image(by_rules):
    boss, owner = by_rules.person("p1", roles="member,reader,boss"), by_rules.person("p1")
    made = await boss.create(secret_a="1", open_a="2")
    assert made["secret_a"] == "1"
    assert "secret_a" not in await owner.show(made["id"])
    assert (await owner.ask("POST", "/v2/images", {"secret_b": "1"})).status == 403
    assert (await owner.ask("POST", "/v2/images", {"owned_a": "1"})).status == 403  # nothing is owned there
    assert (await owner.ask("POST", "/v2/images", {"never_reached_a": "1"})).status == 201  # AC-52
    somebody = by_rules.person("p1")
    somebody.headers["X-Service-Roles"] = "boss"
    assert (await somebody.ask("POST", "/v2/images", {"secret_a": "1"})).status == 403
