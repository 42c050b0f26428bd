"""Limits that a real identity service keeps: for everybody, and for one project."""

import asyncio
import json

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from glimpse.errors import Unavailable
from glimpse.keystone import limits, wire
from glimpse.settings import Settings
from tests.fixtures.waiting import until

EVERYBODY = {"image_count_total": 5, "image_size_total": 100, "image_stage_total": -1, "something_else": 7}


def told(keystone, **rules):
    """Return settings with limits that are kept there."""
    return Settings.model_validate(
        {
            "auth": keystone.settings,
            "limits": {"enabled": True, "source": "keystone", "keystone_seconds": 0.2, **rules},
        }
    )


async def fetched(settings):
    async with wire.opened(settings.auth) as asked:
        return await limits.fetched(asked, settings)


@pytest.mark.rule("IMG-19", "IMG-637", "IMG-638", "IMG-639", "IMG-640")
async def test_each_project_has_its_own_limit_or_that_of_everybody(keystone):
    with keystone.limited(EVERYBODY, {"image_count_total": 2, "image_size_total": -1}):
        found = await fetched(told(keystone))
    red, blue = keystone.projects["red"], keystone.projects["blue"]
    assert [found.of(project, "image_count_total") for project in (red, blue)] == [2, 5]
    assert [found.of(project, "image_size_total_mib") for project in (red, blue)] == [None, 100]
    assert found.of(blue, "image_stage_total_mib") is None
    assert found.of(red, "image_count_uploading") == 0  # what is not registered is nothing


@pytest.mark.rule("IMG-717")
async def test_what_can_not_be_asked_for_is_not_known(keystone):
    with pytest.raises(Unavailable):
        told(keystone).limits.of("p", "image_count_total")
    for wrong in ({"keystone_password": "wrong"}, {"keystone_url": "http://127.0.0.1:9"}):
        settings = told(keystone)
        auth = settings.auth.model_validate({**keystone.settings, **wrong, "keystone_connect_retries": 0})
        with pytest.raises(Unavailable):
            await fetched(settings.model_copy(update={"auth": auth}))
    settings = told(keystone)
    other = settings.auth.model_copy(update={"keystone_service_type": "volume"})
    with pytest.raises(Unavailable, match="no service of the type volume"):
        await fetched(settings.model_copy(update={"auth": other}))


@pytest.mark.rule("IMG-642", "IMG-717")
async def test_the_last_ones_count_only_for_a_while(keystone):
    with keystone.limited(EVERYBODY, {}):
        found = await fetched(told(keystone, keystone_patience_seconds=0.000001))
    with pytest.raises(Unavailable):
        found.of("p", "image_count_total")


@pytest.mark.rule("IMG-19", "IMG-577", "IMG-637", "IMG-642", "IMG-717")
async def test_an_api_holds_projects_to_them_and_hears_of_others(start_api, keystone):
    rules = {f"auth.{name}": value for name, value in keystone.settings.items()}
    rules |= {"limits.enabled": True, "limits.source": "keystone", "limits.keystone_seconds": 0.2}
    words = [word for name, value in rules.items() for word in ("--set", f"{name}={json.dumps(value)}")]
    with keystone.limited(EVERYBODY, {"image_count_total": 1}):
        api = await start_api(*words)
        ann, bea = ({"X-Auth-Token": keystone.token(name)} for name in ("ann", "bea"))

        async def create(who):
            return (await api.ask("POST", "/v2/images", data=b"{}", headers=who))[0]

        async def usage():
            return json.loads((await api.ask("GET", "/v2/info/usage", headers=ann))[1]).get("usage", {})

        await until(usage, bool)  # until then nobody knows, and 503 is the answer
        assert await create(ann) == 201
        assert (await usage())["image_count_total"] == {"usage": 1, "limit": 1}
        assert [await create(ann), await create(bea)] == [413, 201]
        keystone.raise_limit("image_count_total", 2)
        await until(lambda: create(ann), lambda status: status == 201)
        assert (await usage())["image_count_total"] == {"usage": 2, "limit": 2}
    lost = await start_api(*words, "--set", "auth.keystone_password=wrong", "--set", "auth.mode=headers", workers=1)
    project = {"X-Project-Id": keystone.projects["red"]}
    assert (await lost.ask("POST", "/v2/images", data=b"{}", headers=project))[0] == 503
    assert (await lost.ask("GET", "/v2/images", headers=project))[0] == 200


def listed(name, number):
    return {name: [{"resource_name": "image_count_total", "default_limit": number}]}


@pytest.mark.rule("IMG-717")
@pytest.mark.parametrize(
    "answer",
    [[], "x", None, {}, {"registered_limits": {}}, {"registered_limits": [1]}, listed("registered_limits", None)],
)
async def test_an_answer_that_makes_no_sense_ends_nothing(answer, monkeypatch):
    monkeypatch.setattr(limits, "AGAIN_SECONDS", 0.01)
    answers, taken, stop = [answer, answer, listed("registered_limits", 3)], [], asyncio.Event()
    service = {"type": "image", "id": "s", "endpoints": []}

    async def token(_request):
        life = {"issued_at": "2026-01-01T00:00:00Z", "expires_at": "2026-01-01T01:00:00Z"}
        return web.json_response(
            {"token": {**life, "catalog": [service]}}, status=201, headers={"X-Subject-Token": "t"}
        )

    async def registered(_request):
        return web.json_response(answers.pop(0))

    async def own(_request):
        return web.json_response({"limits": []})

    application = web.Application()
    application.add_routes([web.post("/v3/auth/tokens", token), web.get("/v3/limits", own)])
    application.add_routes([web.get("/v3/registered_limits", registered)])
    async with TestServer(application) as server:

        def take(found):
            taken.append(found)
            stop.set()

        auth = {"mode": "keystone", "keystone_url": str(server.make_url("/")), "keystone_username": "glimpse"}
        auth |= {"keystone_password": "p", "keystone_project_name": "service"}
        rules = {"enabled": True, "source": "keystone"}
        await asyncio.wait_for(limits.follow(Settings.model_validate({"auth": auth, "limits": rules}), take, stop), 20)
    assert (answers, taken[0].of("p", "image_count_total")) == ([], 3)
