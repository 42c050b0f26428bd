"""Pages of other origins, and browsers that ask beforehand."""

import pytest

ORIGIN = "https://horizon.example.test"
ALLOW = "Access-Control-Allow-Origin"


@pytest.mark.rule("AC-72")
@pytest.mark.rule("IMG-78")
@pytest.mark.parametrize("path", ["/", "/v2/images", "/v2/nothing", "/v2/images/x/file", "/v1", "/healthcheck"])
async def test_every_options_ends_as_an_empty_200(api, path):
    answer = await api.person().ask("OPTIONS", path, headers={"X-Identity-Status": "Invalid"})
    assert (answer.status, answer.content) == (200, b"")
    assert ALLOW not in answer.headers


@pytest.mark.rule("AC-72")
@pytest.mark.rule("IMG-109")
async def test_a_known_origin_is_named_in_every_answer(run, settings):
    settings["cors"] = {"allowed_origins": [ORIGIN]}
    async with run(settings) as api:
        owner = api.person()
        image = await owner.create_active()
        for method, path, status in (
            ("GET", "/", 300),
            ("GET", "/v2/images", 200),
            ("GET", f"/v2/images/{image['id']}/file", 200),
            ("GET", "/v2/nothing", 404),
            ("PUT", "/v2/images", 405),
        ):
            answer = await owner.ask(method, path, headers={"Origin": ORIGIN})
            assert (answer.status, answer.headers[ALLOW], answer.headers["Vary"]) == (status, ORIGIN, "Origin")
        refused = await owner.get("/v2/images", headers={"Origin": ORIGIN, "X-Identity-Status": "Invalid"})
        assert (refused.status, refused.headers[ALLOW]) == (401, ORIGIN)
        stranger = await owner.get("/v2/images", headers={"Origin": "https://other.example.test"})
        assert (stranger.status, ALLOW in stranger.headers) == (200, False)
        asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "PATCH"}
        preflight = await owner.ask("OPTIONS", "/v2/images", headers=asked)
        assert (preflight.status, preflight.headers["Access-Control-Allow-Methods"]) == (200, "PATCH")
