"""Who is asking, as a proxy in front tells, and what nobody in particular may do."""

import pytest

ID = "11111111-2222-4333-8444-555555555555"


async def statuses(person, *requests):
    return [(await person.ask(method, path, body)).status for method, path, body in requests]


@pytest.mark.rule("AC-40")
@pytest.mark.rule("IMG-106")
@pytest.mark.parametrize(
    "headers", [{"X-Identity-Status": "Invalid"}, {"X-Identity-Status": ""}, {"X-Auth-Token": "t"}]
)
async def test_only_a_confirmed_identity_counts(api, headers):
    owner = api.person()
    del owner.headers["X-Identity-Status"]
    assert (await owner.get("/v2/images", headers=headers)).status == 401


@pytest.mark.rule("AC-40")
async def test_headers_from_anybody_but_the_proxies_are_worth_nothing(run, settings):
    settings["auth"]["trusted_proxies"] = ["192.0.2.0/24"]
    async with run(settings) as api:
        assert (await api.person().get("/v2/images")).status == 401


@pytest.mark.rule("AC-41")
@pytest.mark.rule("IMG-107")
@pytest.mark.parametrize("roles", ["Member,READER", " member , reader ,", "reader,member,Other Role"])
async def test_roles_are_read_without_blanks_and_in_lower_case(api, roles):
    assert (await api.person(roles=roles).ask("POST", "/v2/images", {})).status == 201


@pytest.mark.rule("AC-40")
@pytest.mark.parametrize("name", ["X-Project-Id", "X-Tenant-Id", "X-Tenant"])
async def test_the_project_is_the_owner_by_whichever_name_it_comes(api, name):  # AC-41, AC-44, IMG-108
    somebody = api.person(None)
    somebody.headers[name] = "p9"
    assert (await somebody.create())["owner"] == "p9"


@pytest.mark.rule("AC-2")
@pytest.mark.rule("IMG-140")
async def test_roles_of_a_service_open_no_rule(api):
    somebody = api.person("p1", roles="member,reader")
    somebody.headers["X-Service-Roles"] = "admin,service"
    foreign = await api.person("p2").create(visibility="private")
    assert (await somebody.get(f"/v2/images/{foreign['id']}")).status == 404


@pytest.mark.rule("AC-41")
@pytest.mark.rule("IMG-718")
@pytest.mark.parametrize(("catalogue", "status"), [("[]", 200), ("not JSON", 400), ("", 400)])
async def test_a_catalogue_must_be_json(api, catalogue, status):
    assert (await api.person().get("/v2/images", headers={"X-Service-Catalog": catalogue})).status == status


@pytest.mark.rule("AC-43")
async def test_without_authentication_everybody_is_the_administrator(run, settings):
    settings["auth"] = {"mode": "none"}
    async with run(settings) as api:
        somebody = api.person("p1", roles="reader")
        image = await somebody.create(visibility="public")
        assert (image["owner"], image["visibility"]) == (None, "public")
        assert (await somebody.patch(image["id"], {"op": "replace", "path": "/owner", "value": "p5"})).status == 200


@pytest.mark.rule("AC-43")
async def test_without_authentication_the_project_may_be_a_setting(run, settings):
    settings["auth"] = {"mode": "none", "none_project": "local", "none_user": "me"}
    async with run(settings) as api:
        assert (await api.person().create())["owner"] == "local"


WRITES = [
    ("POST", "/v2/images", {"name": "n"}),
    ("PATCH", f"/v2/images/{ID}", []),
    ("DELETE", f"/v2/images/{ID}", None),
    ("PUT", f"/v2/images/{ID}/file", b"x"),
    ("PUT", f"/v2/images/{ID}/stage", b"x"),
    ("POST", f"/v2/images/{ID}/import", {}),
    ("POST", f"/v2/images/{ID}/actions/deactivate", None),
    ("POST", f"/v2/images/{ID}/members", {}),
    ("PUT", f"/v2/images/{ID}/tags/t", None),
]


@pytest.mark.rule("IMG-29")
@pytest.mark.rule("AC-41")
@pytest.mark.rule("AC-42")
async def test_nobody_in_particular_may_look_and_is_shown_nothing(run, settings):
    settings["auth"]["allow_anonymous"] = True
    async with run(settings) as api:
        public = await api.admin.create(visibility="public")
        nobody = api.person()
        nobody.headers.clear()
        reads = [("GET", "/v2/images", None), ("GET", f"/v2/images/{public['id']}", None)]
        assert await statuses(nobody, *reads) == [403, 404]  # everything needs a role
        for method, path, body in WRITES:
            answer = await nobody.ask(method, path, body, headers={"Accept": "application/json"})
            assert (answer.status, answer.headers["Content-Type"]) == (
                403,
                "text/plain; charset=UTF-8",
            )  # IMG-150, IMG-270
            assert b"Read-only access" in answer.content


@pytest.mark.rule("AC-42")
async def test_with_open_rules_nobody_in_particular_sees_what_is_public(run, settings):
    settings["auth"]["allow_anonymous"] = True
    settings["policy"] = {"enforce_new_defaults": False}
    async with run(settings) as api:
        images = {name: (await api.admin.create(visibility=name))["id"] for name in ("public", "community", "private")}
        nobody = api.person()
        nobody.headers.clear()
        listed = (await nobody.get("/v2/images")).json["images"]
        assert [each["id"] for each in listed] == [images["public"]]
        assert (await nobody.get(f"/v2/images/{images['public']}")).status == 200
        assert (await nobody.get(f"/v2/images/{images['private']}")).status == 404
        assert (await nobody.ask("POST", "/v2/images", {})).status == 403
