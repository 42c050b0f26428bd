"""Tokens of a real identity service: what they open, and what happens when it is not there."""

import asyncio
import time

import pytest

from tests.fixtures.waiting import until

GARBAGE = "gAAAAAB" + "x" * 176


@pytest.fixture
def settings(settings, keystone):
    return {**settings, "auth": dict(keystone.settings)}


@pytest.fixture
def bearer(api):
    """Make somebody who shows a token, and perhaps one of a service."""
    return lambda token, service=None: bearer_at(api, token, service)


def bearer_at(api, token, service=None):
    somebody = api.person()
    somebody.headers = {"X-Auth-Token": token} | ({"X-Service-Token": service} if service else {})
    return somebody


def short_lived(keystone, name="ann"):
    """Return a token that is over, by the clock of everybody."""
    token = keystone.token(name, lives_seconds=1)
    time.sleep(1.01)  # its whole life: nothing else ends it
    return token


@pytest.mark.rule("AC-60", "AC-62", "AC-63", "IMG-106", "IMG-107", "IMG-108")
async def test_a_token_says_who_asks_in_which_project_and_role(bearer, keystone):
    ann, rob, bea, admin = (bearer(keystone.token(name)) for name in ("ann", "rob", "bea", "admin"))
    image = await ann.create(name="ours", visibility="private")
    assert image["owner"] == keystone.projects["red"]
    path = f"/v2/images/{image['id']}"
    assert [(await each.get(path)).status for each in (ann, rob, bea, admin)] == [200, 200, 404, 200]
    rename = {"op": "replace", "path": "/name", "value": "n"}
    assert [(await each.patch(image["id"], rename)).status for each in (rob, bea, ann, admin)] == [403, 404, 200, 200]
    assert (await rob.ask("POST", "/v2/images", {})).status == 403
    assert (await bearer(keystone.token("nobody")).get("/v2/images")).status == 403


@pytest.mark.rule("AC-60", "AC-61", "AC-64", "IMG-106")
@pytest.mark.parametrize("token", [None, "", GARBAGE, "no token", "t\u00f6ken", "x" * 20_000])
async def test_without_a_token_that_is_worth_something_nobody_gets_in(api, keystone, token):
    nobody = bearer_at(api, token)
    nobody.headers = {"X-Auth-Token": token} if token is not None else {}
    for path in ("/v2/images", "/v2/nothing"):
        answer = await nobody.get(path)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == f'Keystone uri="{keystone.url}"'
    assert [(await nobody.get(path)).status for path in ("/", "/versions")] == [300, 200]


@pytest.mark.rule("AC-60", "IMG-106")
async def test_the_older_name_of_the_field_and_blanks_around_the_token_are_understood(api, keystone):
    somebody = api.person()
    somebody.headers = {"X-Storage-Token": f"  {keystone.token('ann')} "}
    assert (await somebody.get("/v2/images")).status == 200


@pytest.mark.rule("AC-40", "AC-60")
async def test_what_a_client_says_of_itself_is_not_believed(bearer, api, keystone):
    somebody = bearer(keystone.token("ann"))
    somebody.headers |= api.admin.headers | {"X-Service-Roles": "service", "OpenStack-System-Scope": "all"}
    assert (await somebody.ask("POST", "/v2/images", {"visibility": "public"})).status == 403
    assert (await somebody.create())["owner"] == keystone.projects["red"]
    assert (await api.admin.get("/v2/images")).status == 401


@pytest.mark.rule("AC-4", "AC-7", "AC-63")
async def test_scopes_that_are_no_project_open_nothing(bearer, keystone):
    image = await bearer(keystone.token("admin")).create(visibility="public")
    of_the_system = bearer(keystone.token("admin", system={"all": True}))
    paths = ("/v2/images", f"/v2/images/{image['id']}", "/v2/metadefs/namespaces", "/v2/schemas/image")
    assert [(await of_the_system.get(path)).status for path in paths] == [403, 404, 404, 200]
    user = {"name": "ann", "domain": {"name": "Default"}, "password": "ann"}
    identity = {"methods": ["password"], "password": {"user": user}}
    of_nothing = bearer(keystone.granted({"auth": {"identity": identity, "scope": "unscoped"}}))
    assert (await of_nothing.get("/v2/images")).status == 403


@pytest.mark.rule("AC-60", "AC-64", "AC-65", "AC-69")
async def test_a_service_brings_a_token_in_that_is_over_and_nobody_else_does(bearer, keystone):
    over, nova = short_lived(keystone), keystone.token("nova")
    assert (await bearer(over).get("/v2/images")).status == 401
    assert (await bearer(over, GARBAGE).get("/v2/images")).status == 401
    assert (await bearer(over, keystone.token("bea")).get("/v2/images")).status == 401
    assert (await bearer(over, nova).get("/v2/images")).status == 200
    asked = keystone.validations()
    assert (await bearer(over).get("/v2/images")).status == 401  # it is known, and known to be over
    assert keystone.validations() == asked


@pytest.mark.rule("AC-64", "AC-65")
async def test_a_token_that_is_known_dies_on_time(bearer, keystone):
    token = keystone.token("ann", lives_seconds=2)
    ann = bearer(token)
    assert (await ann.get("/v2/images")).status == 200
    await until(lambda: ann.get("/v2/images"), lambda answer: answer.status == 401)


@pytest.mark.rule("AC-60")
async def test_a_service_token_that_is_over_opens_nothing(bearer, keystone):
    over, nova = short_lived(keystone), short_lived(keystone, "nova")
    assert (await bearer(over, nova).get("/v2/images")).status == 401


@pytest.mark.rule("AC-60")
async def test_a_service_token_that_is_worth_nothing_takes_nothing_away(bearer, keystone):
    assert (await bearer(keystone.token("ann"), GARBAGE).get("/v2/images")).status == 200
    alone = bearer("")
    alone.headers = {"X-Service-Token": keystone.token("nova")}
    assert (await alone.get("/v2/images")).status == 401


@pytest.mark.rule("AC-2", "AC-69", "IMG-140")
async def test_the_role_of_a_service_counts_where_the_service_asks_for_itself(bearer, keystone):
    nova = keystone.token("nova")
    assert (await bearer(keystone.token("ann"), nova).get("/v2/info/stores/detail")).status == 403
    assert (await bearer(nova).get("/v2/info/stores/detail")).status == 200


@pytest.mark.rule("AC-65")
async def test_a_token_is_asked_about_once_however_many_requests_show_it(bearer, keystone):
    ann = bearer(keystone.token("ann"))
    asked = keystone.validations()
    answers = await asyncio.gather(*(ann.get("/v2/images") for _ in range(20)))
    assert {answer.status for answer in answers} == {200}
    assert (await ann.get("/v2/images")).status == 200
    assert keystone.validations() == asked + 1


@pytest.mark.rule("AC-65")
async def test_a_token_that_is_worth_nothing_is_asked_about_each_time(bearer, keystone):
    asked = keystone.validations()
    assert [(await bearer(GARBAGE).get("/v2/images")).status for _ in range(2)] == [401, 401]
    assert keystone.validations() == asked + 2


@pytest.mark.rule("AC-65")
async def test_no_more_tokens_are_remembered_than_there_may_be(run, settings, keystone):
    settings["auth"]["keystone_cache_tokens"] = 1
    ann, rob = keystone.token("ann"), keystone.token("rob")
    async with run(settings) as api:
        for token in (ann, rob):
            assert (await bearer_at(api, token).get("/v2/images")).status == 200
        asked = keystone.validations()
        assert (await bearer_at(api, rob).get("/v2/images")).status == 200
        assert keystone.validations() == asked
        assert (await bearer_at(api, ann).get("/v2/images")).status == 200
        assert keystone.validations() == asked + 1


@pytest.mark.rule("AC-66")
async def test_a_token_that_is_revoked_works_while_it_is_remembered_and_no_longer(run, settings, keystone):
    token = keystone.token("ann")
    async with (
        run(settings) as api,
        run(settings | {"auth": settings["auth"] | {"keystone_cache_seconds": 0}}) as other,
    ):
        assert (await bearer_at(api, token).get("/v2/images")).status == 200
        assert (await bearer_at(other, token).get("/v2/images")).status == 200
        keystone.admin("DELETE", "/auth/tokens", **{"X-Subject-Token": token})
        assert (await bearer_at(api, token).get("/v2/images")).status == 200
        assert (await bearer_at(other, token).get("/v2/images")).status == 401


@pytest.mark.rule("AC-64")
async def test_while_the_identity_service_is_away_those_who_are_known_get_in(bearer, keystone):
    known, unknown = bearer(keystone.token("ann")), bearer(keystone.token("bea"))
    assert (await known.get("/v2/images")).status == 200
    with keystone.away():
        for _ in range(2):  # the second one does not even ask
            answer = await unknown.get("/v2/images")
            assert answer.status == 503
            assert 1 <= int(answer.headers["Retry-After"]) <= 30
            assert "WWW-Authenticate" not in answer.headers
        assert (await known.get("/v2/images")).status == 200
    await until(lambda: unknown.get("/v2/images"), lambda answer: answer.status == 200)


@pytest.mark.rule("AC-64")
async def test_nobody_waits_for_an_identity_service_that_stands_still(run, settings, keystone):
    settings["auth"]["keystone_timeout_seconds"] = 2
    tokens = [keystone.token(name) for name in ("ann", "rob", "bea")]
    async with run(settings) as api:
        people = [bearer_at(api, token) for token in tokens]
        with keystone.asleep():
            answers = await asyncio.gather(*(each.get("/v2/images") for each in people))
            assert [answer.status for answer in answers] == [503] * 3
        await until(lambda: people[0].get("/v2/images"), lambda answer: answer.status == 200)


@pytest.mark.rule("AC-62")
async def test_our_own_token_is_renewed_before_it_ends(run, settings, keystone):
    settings["auth"] |= {"keystone_url": keystone.url_of_short_lives(4), "keystone_cache_seconds": 0}
    ann, before = keystone.token("ann"), len(keystone.asked())
    async with run(settings) as api:
        while sum("POST /v3/auth/tokens" in line for line in keystone.asked()[before:]) < 2:
            assert (await bearer_at(api, ann).get("/v2/images")).status == 200
    refused = [line for line in keystone.asked()[before:] if line.startswith(("401", "404"))]
    assert not refused


@pytest.mark.rule("AC-64")
async def test_when_our_own_token_is_taken_away_we_get_another_one(bearer, keystone):
    assert (await bearer(keystone.token("ann")).get("/v2/images")).status == 200
    path = f"/users/{keystone.users['glimpse']}"
    keystone.admin("PATCH", path, {"user": {"password": "glimpse"}})  # ends every token of that user
    rob = bearer(keystone.token("rob"))
    # what it gives within the same second is worth nothing either: it counts in seconds
    await until(lambda: rob.get("/v2/images"), lambda answer: answer.status == 200)


@pytest.mark.rule("AC-64")
@pytest.mark.parametrize("wrong", [{"keystone_password": "wrong"}, {"keystone_url": "http://127.0.0.1:9/identity"}])
async def test_when_we_can_not_ask_nobody_is_let_in_and_nobody_is_sent_away_for_good(run, settings, keystone, wrong):
    settings["auth"] |= wrong
    async with run(settings) as api:
        assert (await bearer_at(api, keystone.token("ann")).get("/v2/images")).status == 503
        assert (await bearer_at(api, "").get("/v2/images")).status == 401


def credential(keystone, name, **members):
    """Make an application credential of somebody; returns its id and its secret."""
    fields = {"X-Auth-Token": keystone.token(name)}
    wish = {"application_credential": {"name": f"c{time.monotonic_ns()}", **members}}
    made, _ = keystone.send("POST", f"/users/{keystone.users[name]}/application_credentials", wish, fields)
    return made["application_credential"]["id"], made["application_credential"]["secret"]


@pytest.mark.rule("AC-67")
async def test_a_token_with_access_rules_is_good_for_these_calls_only(run, settings, keystone):
    rules = [
        {"service": "image", "method": "GET", "path": "/v2/images"},
        {"service": "image", "method": "GET", "path": "/v2/schemas/*"},
        {"service": "compute", "method": "POST", "path": "/v2/images"},
    ]
    known_by, secret = credential(keystone, "ann", access_rules=rules)
    identity = {"methods": ["application_credential"], "application_credential": {"id": known_by, "secret": secret}}
    token = keystone.granted({"auth": {"identity": identity}})
    async with run(settings) as api:
        ann = bearer_at(api, token)
        paths = ("/v2/images", "/v2/schemas/image", "/v2/schemas", "/v2/info/import")
        assert [(await ann.get(path)).status for path in paths] == [200, 200, 401, 401]
        assert (await ann.ask("POST", "/v2/images", {})).status == 401
        assert (await bearer_at(api, token, keystone.token("nova")).ask("POST", "/v2/images", {})).status == 201
    for told in ({"keystone_catalogue": False}, {"keystone_service_type": "volume"}):
        async with run(settings | {"auth": settings["auth"] | told}) as api:
            assert (await bearer_at(api, token).get("/v2/images")).status == 401
            assert (await bearer_at(api, keystone.token("ann")).get("/v2/images")).status == 200


@pytest.mark.rule("AC-62")
async def test_we_may_ask_with_an_application_credential(run, settings, keystone):
    known_by, secret = credential(keystone, "glimpse")
    url = {"mode": "keystone", "keystone_url": keystone.url.removesuffix("/v3")}
    told = {"keystone_application_credential_id": known_by, "keystone_application_credential_secret": secret}
    async with run(settings | {"auth": url | told}) as api:
        assert (await bearer_at(api, keystone.token("ann")).get("/v2/images")).status == 200
