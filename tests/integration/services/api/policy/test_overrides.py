"""What operators say instead of the built-in rules, while the API runs (AC-3 to AC-6, AC-16)."""

import os
from pathlib import Path

import pytest
import pytest_asyncio

from glimpse.errors import Invalid
from glimpse.settings import Policy as Section
from services.api.policy.policy import Policy

pytestmark = pytest.mark.asyncio(loop_scope="module")

READ = {"op": "add", "path": "/note", "value": "x"}


class Ruled:
    """An API with a policy file that can be exchanged."""

    def __init__(self, api, file):
        self.api, self.file = api, file

    def say(self, text):
        """Exchange the file at once, as an orchestrator does."""
        new = self.file.with_suffix(".new")
        new.write_text(text)
        os.replace(new, self.file)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(fresh_database, run, usual_settings, tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("ruled")
    file = folder / "policy.yaml"
    file.write_text("")
    async with fresh_database() as dsn, run(usual_settings(dsn, folder) | {"policy": {"file": str(file)}}) as api:
        yield Ruled(api, file)


@pytest.fixture
def ruled(house):
    """That API, with the built-in rules."""
    house.say("")
    return house


@pytest.mark.rule("AC-3")
@pytest.mark.parametrize(
    ("rule", "body", "status"),
    [
        ("'linux':%(os)s", {"os": "linux"}, 200),
        ("'linux':%(os)s", {"os": "plan9"}, 404),
        ("'linux':%(os)s", {}, 404),
        ("True:%(protected)s", {"protected": True}, 200),
        ("user_id:%(created_by)s", {"created_by": "u1"}, 200),
        ("'queued':%(status)s and 'raw':%(disk_format)s and 0:%(min_disk)s", {"disk_format": "raw"}, 200),
        ("'shared':%(visibility)s and None:%(name)s", {}, 200),
        ("project_id:%(owner)s and 'p1':%(project_id)s", {}, 200),
        ("not 'x':%(image_id)s", {}, 200),
        ("'x':%(locations)s or None:%(locations)s", {}, 404),  # which are not there to be asked
        ("None:%(member_id)s", {}, 200),
        ("tenant:%(owner)s and user:u1", {}, 200),  # AC-2: the old names
        ("user_domain_id:d1 and project_domain_id:d2 and is_admin_project:True", {}, 200),
        ("service_user_id:s1 and service_project_id:s2 and service_roles:service", {}, 200),
        ("service_user_domain_id:s3 and service_project_domain_id:s4", {}, 200),
        ("role:service", {}, 404),
    ],
)
async def test_rules_can_ask_about_everything_that_is_known(ruled, rule, body, status):
    owner = ruled.api.person("p1")
    owner.headers |= {"X-User-Domain-Id": "d1", "X-Project-Domain-Id": "d2"}
    owner.headers |= {"X-Service-User-Id": "s1", "X-Service-Project-Id": "s2", "X-Service-Roles": "service"}
    owner.headers |= {"X-Service-User-Domain-Id": "s3", "X-Service-Project-Domain-Id": "s4"}
    image = await owner.create(**body)
    ruled.say(f'get_image: "{rule}"')
    assert (await owner.get(f"/v2/images/{image['id']}")).status == status


@pytest.mark.rule("AC-3")
async def test_a_member_is_asked_for_by_its_project(ruled):
    owner, sharer, stranger = (ruled.api.person(project) for project in ("p1", "p3", "p4"))
    image = await owner.create()
    await owner.ask("POST", f"/v2/images/{image['id']}/members", {"member": "p3"})
    ruled.say("get_image: project_id:%(member_id)s")
    statuses = [(await each.get(f"/v2/images/{image['id']}")).status for each in (owner, sharer, stranger)]
    assert statuses == [404, 200, 404]


@pytest.mark.rule("AC-3")
@pytest.mark.parametrize(
    ("body", "seen_as"),
    [({}, "'private':%(visibility)s"), ({"visibility": "shared"}, "'shared':%(visibility)s"), ({}, "'p1':%(owner)s")],
)
async def test_of_an_image_that_is_made_the_rules_are_asked_before_it_is(ruled, body, seen_as):
    owner = ruled.api.person("p1")
    ruled.say(f'add_image: "{seen_as}"')
    assert (await owner.ask("POST", "/v2/images", body)).status == 201
    ruled.say(f'add_image: "not {seen_as}"')
    assert (await owner.ask("POST", "/v2/images", body)).status == 403


@pytest.mark.rule("AC-3")
async def test_a_list_asks_about_the_caller_and_then_about_each_image(ruled):
    owner = ruled.api.person("p7")
    shown, hidden = await owner.create(os="linux"), await owner.create(os="plan9")
    ruled.say("get_images: \"'p7':%(project_id)s\"\nget_image: \"'linux':%(os)s\"")
    assert [each["id"] for each in (await owner.get("/v2/images")).json["images"]] == [shown["id"]]
    assert (await ruled.api.person("p1").get("/v2/images")).status == 403
    page = (await owner.get("/v2/images?limit=1")).json
    assert (page["images"], page["next"]) == ([], f"/v2/images?limit=1&marker={hidden['id']}")  # AC-9: dropped silently


@pytest.mark.rule("AC-5")
async def test_a_rule_in_the_file_replaces_its_default_and_only_that(ruled):
    owner = ruled.api.person("p1", roles="member,reader,creator")
    image = await owner.create()
    ruled.say("add_image: role:creator and rule:mine\nmine: project_id:%(owner)s\nunheard_of: '!'\n")
    assert (await owner.ask("POST", "/v2/images", {})).status == 201
    assert (await ruled.api.person("p1").ask("POST", "/v2/images", {})).status == 403
    assert (await owner.patch(image["id"], READ)).status == 200


@pytest.mark.rule("AC-5")
@pytest.mark.rule("IMG-141")
async def test_a_changed_file_is_in_force_with_the_next_request(ruled):
    owner = ruled.api.person("p1")
    image = await owner.create()
    for text, status in (('modify_image: "!"', 403), ('modify_image: "!"\nget_image: "!"', 404), ("", 200)):
        ruled.say(text)
        assert (await owner.patch(image["id"], READ)).status == status


@pytest.mark.parametrize(
    "text",
    [
        *("modify_image: 'role:'a", "- a", "modify_image: role", "modify_image: {a: b}", "\0"),
        *("modify_image: [[1, 2]]", "modify_image: [5]", "modify_image: [[[a]]]", "modify_image: [{a: b}]"),
        "a: " + "[" * 5000,
    ],
)
async def test_a_file_that_makes_no_sense_leaves_the_rules_as_they_were(ruled, capsys, text):
    owner = ruled.api.person("p1")
    image = await owner.create()
    ruled.say('modify_image: "!"')
    assert (await owner.patch(image["id"], READ)).status == 403
    ruled.say(text)
    capsys.readouterr()
    assert (await owner.patch(image["id"], READ)).status == 403
    assert capsys.readouterr().out.count("the rules stay as they were") == 1
    ruled.file.unlink()
    assert (await owner.patch(image["id"], READ)).status == 403


@pytest.mark.rule("AC-4")
async def test_a_scope_belongs_to_the_rule_also_where_the_file_says_otherwise(ruled):
    image = await ruled.api.admin.create(visibility="public")
    ruled.say('get_image: "@"\nget_images: "@"')
    for scope in ({"OpenStack-System-Scope": "all"}, {"X-Domain-Id": "d1"}):
        somebody = ruled.api.person(None, roles="admin")
        somebody.headers.update(scope)
        assert (await somebody.get(f"/v2/images/{image['id']}")).status == 404
        assert (await somebody.get("/v2/images")).status == 403


@pytest.mark.rule("AC-7")
async def test_who_is_an_administrator_is_a_rule_too(ruled):
    ruled.say("context_is_admin: role:boss")
    image = await ruled.api.person("p1").create(visibility="private")
    assert (await ruled.api.person("p2", roles="boss").get(f"/v2/images/{image['id']}")).status == 200
    assert (await ruled.api.person("p2", roles="admin,reader").get(f"/v2/images/{image['id']}")).status == 404


@pytest.mark.rule("AC-5")
@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ('{"get_images": "role:a"}', {"a"}),  # JSON
        ('{"get_images": [["role:a"], ["role:b", "role:c"]]}', {"a", "bc"}),  # and as old files have it
        ('{"get_images": []}', {"", "a", "bc"}),
        ("get_images:", {"", "a", "bc"}),
        ("# nothing\n", set()),
    ],
)
async def test_files_may_be_of_any_age(ruled, text, allowed):
    ruled.say(text)
    for roles in ("", "a", "bc"):
        answer = await ruled.api.person("p1", roles=",".join(roles) or "x").get("/v2/images")
        assert answer.status == (200 if roles in allowed else 403)


@pytest.mark.parametrize(
    "text",
    [None, "a: rule:a", "a: 'role", "- a", "a: 1", b"\xff", "a: [[1, 2]]", "a: [5]", "a: [{b: c}]", "a: 2000-99-99"],
)
async def test_with_a_file_that_makes_no_sense_nothing_starts(tmp_path, text):
    file = tmp_path / "policy.yaml"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(Invalid, match="policy"):
        Policy(Section(file=file))


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("# mine\nget_images: '@'\n\nmodify_image: role:a or (\nget_image: '!'\n", 4),
        ('{"get_images": "@",\n "modify_image": "role:a or ("}', 2),
        ("a: rule:b\nb: >\n  role:x or\n  rule:a\n", 1),
        ("a: '@'\na: role:a)", 2),
    ],
)
async def test_a_rule_that_makes_no_sense_is_told_by_file_and_line(tmp_path, text, line):
    file = tmp_path / "policy.yaml"
    file.write_text(text)
    with pytest.raises(Invalid) as refused:
        Policy(Section(file=file))
    assert refused.value.message.startswith(f"{file}, line {line}: the policy rule ")


@pytest.mark.rule("AC-5")
async def test_a_rule_that_refers_to_none_is_false_and_told(ruled, capsys):
    capsys.readouterr()
    ruled.say("get_images: rule:readers or rule:writers\nget_image: not rule:readers")
    assert (await ruled.api.admin.get("/v2/images")).status == 403
    (told,) = [
        line for line in capsys.readouterr().out.splitlines() if "does not exist" in line and "get_images" in line
    ]
    assert "'readers', 'writers'" in told


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def lenient(fresh_database, run, usual_settings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lenient")
    async with (
        fresh_database() as dsn,
        run(usual_settings(dsn, folder) | {"policy": {"enforce_new_defaults": False}}) as api,
    ):
        yield api


@pytest.mark.rule("AC-6")
@pytest.mark.rule("AC-16")
@pytest.mark.rule("IMG-151")
async def test_with_the_old_defaults_roles_count_for_little_and_ownership_still_does(lenient):
    owner, stranger = lenient.person("p1", roles="anything"), lenient.person("p2", roles="anything")
    image = await owner.create(visibility="community", disk_format="raw", container_format="bare")
    path, octets = f"/v2/images/{image['id']}", {"Content-Type": "application/octet-stream"}
    assert (await stranger.get(path)).status == 200
    assert (await stranger.get(f"{path}/file")).status == 204
    for method, end, body, headers in (
        ("PUT", "/tags/t", None, {}),
        ("PUT", "/file", b"x", octets),
        ("POST", "/actions/deactivate", None, {}),
        ("DELETE", "", None, {}),
    ):
        answer = await stranger.ask(method, f"{path}{end}", body, headers=headers)
        assert (answer.status, b"You do not own this image" in answer.content) == (403, True), end
    assert (await stranger.patch(image["id"], READ)).status == 403
    assert (await owner.patch(image["id"], READ)).status == 200
    assert (await owner.upload(image["id"], b"x")).status == 204
    assert (await lenient.admin.patch(image["id"], READ)).status == 200
    assert (await owner.ask("POST", "/v2/images", {"owner": "p2"})).status == 403
    assert (await owner.ask("POST", "/v2/images", {"visibility": "public"})).status == 403
    assert (await owner.get("/v2/tasks")).status == 403


@pytest.mark.rule("AC-16")
async def test_with_the_old_defaults_a_member_and_nobody_else_says_yes(lenient):
    owner, member = lenient.person("p1", roles="anything"), lenient.person("p3", roles="anything")
    image = await owner.create()
    members = f"/v2/images/{image['id']}/members"
    assert (await owner.ask("POST", members, {"member": "p3"})).status == 200
    assert (await member.ask("POST", members, {"member": "p4"})).status == 403
    assert (await owner.ask("PUT", f"{members}/p3", {"status": "accepted"})).status == 403
    assert (await member.ask("PUT", f"{members}/p3", {"status": "accepted"})).status == 200
    assert (await member.ask("DELETE", f"{members}/p3")).status == 403
    assert (await owner.ask("DELETE", f"{members}/p3")).status == 204


@pytest.mark.rule("AC-16")
async def test_with_the_old_defaults_an_image_of_nobody_is_the_administrators(lenient):
    image = await lenient.admin.create(owner=None, visibility="community")
    assert (await lenient.person(None, roles="anything").patch(image["id"], READ)).status == 403
