"""What load balancers and orchestrators ask."""

import pytest

HTML, JSON, TEXT = "text/html", "application/json", "text/plain"


@pytest.mark.rule("AC-71")
@pytest.mark.rule("IMG-67")
@pytest.mark.rule("IMG-727")
@pytest.mark.parametrize("is_disabled", [False, True])
async def test_a_load_balancer_is_told_whether_to_send_anybody(run, settings, tmp_path, is_disabled):
    switch = tmp_path / "disabled"
    settings["api"]["healthcheck_disable_file"] = str(switch)
    async with run(settings) as api:
        if is_disabled:
            switch.touch()
        status, reason = (503, "DISABLED BY FILE") if is_disabled else (200, "OK")
        nobody = {"X-Identity-Status": "Invalid"}
        for accept in ({}, {"Accept": TEXT}, {"Accept": "*/*"}, {"Accept": "image/png"}):
            answer = await api.person().get("/healthcheck", headers=nobody | accept)
            assert (answer.status, answer.content.decode()) == (status, reason)
            assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
        answer = await api.person().ask("POST", "/healthcheck", headers=nobody)
        assert (answer.status, answer.content.decode()) == (status, reason)
        answer = await api.person().get("/healthcheck", headers={"Accept": JSON})
        assert (answer.status, answer.json) == (status, {"detailed": False, "reasons": [reason]})
        assert b'\n    "detailed"' in answer.content
        answer = await api.person().get("/healthcheck", headers={"Accept": HTML})
        assert (answer.status, answer.content.decode().count("<tr>")) == (status, 1)
        answer = await api.person().ask("HEAD", "/healthcheck")
        assert (answer.status, answer.content) == (503 if is_disabled else 204, b"")


@pytest.mark.rule("IMG-727")
async def test_a_process_says_that_it_lives_and_what_it_lacks(api):
    nobody = {"X-Identity-Status": "Invalid"}
    assert (await api.person().get("/healthz", headers=nobody)).json == {"status": "ok"}
    ready = await api.person().get("/readyz", headers=nobody)
    assert (ready.status, ready.json) == (200, {"status": "ok", "problems": {}})
    await api.ports.database.close()
    ready = await api.person().get("/readyz", headers=nobody)
    assert (ready.status, list(ready.json["problems"])) == (503, ["database"])
