"""Who may do what with the catalogue, and how those are answered who may not."""

import pytest

NAMESPACES = "/v2/metadefs/namespaces"
PROPERTY = {"name": "q", "title": "Q", "type": "string"}

READS = [
    "",
    "/resource_types",
    "/objects",
    "/objects/CPU Limits",
    "/properties",
    "/properties/cores",
    "/tags",
    "/tags/fast",
]
WRITES = [
    # method, path below the namespace, body, what an administrator is answered; deletes last
    ("PUT", "", {"namespace": "OS::Test", "visibility": "public", "owner": "p1"}, 200),
    ("POST", "/resource_types", {"name": "T"}, 201),
    ("POST", "/objects", {"name": "o"}, 201),
    ("PUT", "/objects/o", {"name": "o"}, 200),
    ("POST", "/properties", PROPERTY, 201),
    ("PUT", "/properties/q", PROPERTY, 200),
    ("POST", "/tags", {"tags": [{"name": "t"}]}, 201),
    ("POST", "/tags/u", None, 201),
    ("PUT", "/tags/u", {"name": "v"}, 200),
    ("DELETE", "/tags/v", None, 204),
    ("DELETE", "/tags", None, 204),
    ("DELETE", "/objects/o", None, 204),
    ("DELETE", "/objects", None, 204),
    ("DELETE", "/properties/q", None, 204),
    ("DELETE", "/properties", None, 204),
    ("DELETE", "/resource_types/T", None, 204),
    ("DELETE", "", None, 204),
]


async def reads(person):
    return {(await person.get(f"{NAMESPACES}/OS::Test{path}")).status for path in READS}


async def writes(person):
    statuses = []
    for method, path, body, _status in WRITES:
        statuses.append((await person.ask(method, f"{NAMESPACES}/OS::Test{path}", body)).status)
    return statuses


@pytest.mark.rule("MD-10", "AC-11")
async def test_an_administrator_may_do_everything(admin, full):
    await full()
    assert await reads(admin) == {200}
    assert await writes(admin) == [status for *_, status in WRITES]


PEOPLE = [
    # who: project, roles, headers; what they are answered: list, reads, writes of a public namespace of p1
    ("AC-11", "its owner's reader", "p1", "reader", {}, 200, 200, 403),
    ("AC-11", "its owner's member", "p1", "member,reader", {}, 200, 200, 403),
    ("AC-11", "another project's reader", "p2", "reader", {}, 200, 200, 403),
    ("MD-22", "a member who is no reader", "p1", "member", {}, 404, 404, 404),
    ("MD-22", "nobody in particular", "p1", "", {}, 404, 404, 404),
    ("AC-4", "an administrator of the system", None, "admin,reader", {"OpenStack-System-Scope": "all"}, 404, 404, 404),
    ("AC-4", "an administrator of a domain", None, "admin,reader", {"X-Domain-Id": "d"}, 404, 404, 404),
]


@pytest.mark.parametrize(
    ("rule", "who", "project", "roles", "headers", "listed", "read", "written"), PEOPLE, ids=[row[1] for row in PEOPLE]
)
@pytest.mark.rule("MD-22")
async def test_of_a_public_namespace(api, full, rule, who, project, roles, headers, listed, read, written):
    await full()
    person = api.person(project, roles=roles)
    person.headers |= headers
    assert (await person.get(NAMESPACES)).status == listed
    assert (await person.get("/v2/metadefs/resource_types")).status == listed
    assert (await person.ask("POST", NAMESPACES, {"namespace": "new", "owner": project or "x"})).status == written
    assert await reads(person) == {read}
    assert set(await writes(person)) == {written}
    refused = await person.ask("DELETE", f"{NAMESPACES}/OS::Test")
    said = "You are not authorized to complete delete_metadef_namespace action." if written == 403 else "could not be"
    assert said in refused.content.decode()


@pytest.mark.rule("MD-22", "MD-20")
@pytest.mark.parametrize("visibility", ["private", None])
async def test_of_a_hidden_namespace_everything_is_not_found(api, stranger, full, visibility):
    await full(owner="p1")
    await api.execute("UPDATE metadef_namespaces SET visibility = $1", visibility)
    assert await reads(stranger) == {404}
    assert set(await writes(stranger)) == {404}
    assert "Namespace OS::Test not found" in (await stranger.get(f"{NAMESPACES}/OS::Test")).content.decode()
    assert await reads(api.person("p1", roles="reader")) == {200}


@pytest.mark.rule("MD-12")
async def test_who_may_not_is_told_so_before_anything_in_the_namespace_is_looked_for(owner, admin, full):
    await full(protected=True)
    for kind in ("objects", "properties", "tags", "resource_types"):
        assert (await owner.ask("DELETE", f"{NAMESPACES}/OS::Test/{kind}/nothing")).status == 403
        assert (await admin.ask("DELETE", f"{NAMESPACES}/OS::Test/{kind}/nothing")).status == 404  # not protected
    assert (await owner.ask("POST", f"{NAMESPACES}/OS::Test/tags/fast")).status == 403
    assert (await admin.ask("POST", f"{NAMESPACES}/OS::Test/tags/fast")).status == 409
    assert (await owner.ask("POST", f"{NAMESPACES}/OS::Test/tags/{'x' * 81}")).status == 400  # names come first
    assert (await owner.ask("POST", f"{NAMESPACES}/OS::Other/tags/{'x' * 81}")).status == 404


PROTECTED = [
    # path, kind and name in the answer
    ("", "namespace OS::Test"),
    ("/objects/CPU Limits", "object CPU Limits"),
    ("/properties/cores", "property cores"),
    ("/tags/fast", "tag fast"),
    ("/resource_types/OS::Glance::Image", "resource-type-association OS::Glance::Image"),
    ("/objects", "namespace OS::Test"),
    ("/properties", "namespace OS::Test"),
    ("/tags", "namespace OS::Test"),
]


@pytest.mark.rule("MD-25")
async def test_what_is_protected_can_not_be_deleted_by_administrators_either(admin, full):
    await full(protected=True)
    for path, named in PROTECTED:
        answer = await admin.ask("DELETE", f"{NAMESPACES}/OS::Test{path}")
        assert answer.status == 403, path
        assert f"Metadata definition {named} is protected and cannot be deleted." in answer.content.decode()


@pytest.mark.rule("MD-25")
async def test_what_is_protected_can_be_changed_and_even_its_tags_replaced(admin, full):
    await full(protected=True)
    for method, path, body, status in WRITES[1:9]:
        answer = await admin.ask(method, f"{NAMESPACES}/OS::Test{path}", body)
        assert answer.status == status, path
    assert (await admin.get(f"{NAMESPACES}/OS::Test/tags")).json == {"tags": [{"name": "v"}, {"name": "t"}]}
    assert (await admin.ask("PUT", f"{NAMESPACES}/OS::Test", {"namespace": "OS::Test"})).json["protected"] is False
    assert (await admin.ask("DELETE", f"{NAMESPACES}/OS::Test")).status == 204


@pytest.mark.rule("MD-22", "AC-42")
async def test_nobody_in_particular_may_make_no_namespace_and_is_left_to_the_rules_otherwise(run, settings):
    settings["auth"]["allow_anonymous"] = True
    async with run(settings) as api:
        assert (
            await api.admin.ask("POST", NAMESPACES, {"namespace": "OS::Test", "visibility": "public"})
        ).status == 201
        nobody = api.person()
        nobody.headers.clear()
        made = await nobody.ask("POST", NAMESPACES, {"namespace": "new"})
        assert (made.status, b"Read-only access" in made.content) == (403, True)
        assert await reads(nobody) == {404}
        assert set(await writes(nobody)) == {404}
        assert (await nobody.get("/v2/schemas/metadefs/tag")).status == 200


@pytest.mark.rule("AC-6", "AC-42", "AC-11")
async def test_with_the_rules_of_old_everybody_reads_what_is_public_and_administrators_alone_write(run, settings):
    settings["auth"]["allow_anonymous"] = True
    settings["policy"] = {"enforce_new_defaults": False}
    async with run(settings) as api:
        for name, visibility in (("OS::Test", "public"), ("hidden", "private")):
            body = {"namespace": name, "visibility": visibility, "owner": "p1"}
            assert (await api.admin.ask("POST", NAMESPACES, body)).status == 201
        nobody, member, owner = api.person(), api.person("p2", roles="member"), api.person("p1", roles="member")
        nobody.headers.clear()
        for person, seen in ((nobody, ["OS::Test"]), (member, ["OS::Test"]), (owner, ["hidden", "OS::Test"])):
            listed = (await person.get(NAMESPACES)).json["namespaces"]
            assert [each["namespace"] for each in listed] == seen
            assert (await person.get(f"{NAMESPACES}/OS::Test")).status == 200
            assert set(await writes(person)) == {403}
        assert (await member.get(f"{NAMESPACES}/hidden")).status == 404
