"""What load balancers and orchestrators ask."""

import asyncio
import threading

import pytest
from structlog.testing import capture_logs

from tests.fixtures.hanging import hanging
from tests.fixtures.waiting import until

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
    ready = await until(
        lambda: api.person().get("/readyz", headers=nobody),
        lambda answer: answer.status == 503,  # for a moment, what was heard last is told
    )
    assert list(ready.json["problems"]) == ["database"]


@pytest.mark.rule("OP-156")
async def test_a_store_that_hangs_is_asked_once_however_many_want_to_know(run, settings, tmp_path):
    settings["api"]["patience_seconds"] = 0.2
    before = threading.enumerate()  # of other tests, too
    async with run(settings) as api:
        person = api.person()

        async def ready():
            return (await person.get("/readyz")).json["problems"]

        with hanging(tmp_path / "cheap"), capture_logs() as said:
            for _round in range(3):
                answers = await asyncio.gather(*(ready() for _number in range(10)))
                assert answers == [{"cheap": "does not answer"}] * 10
            asking = [each for each in threading.enumerate() if each not in before]
            assert len([each for each in asking if each.name.startswith("store cheap")]) == 1
        assert [(line["part"], line["reason"]) for line in said if line["event"] == "not ready"] == [
            ("cheap", "no answer for 0.2 seconds")
        ]
        await until(ready, lambda problems: problems == {})


async def test_why_a_part_can_not_be_used_is_in_the_log_when_it_changes(run, settings, tmp_path):
    async with run(settings) as api:
        person = api.person()

        async def ready():
            return (await person.get("/readyz")).json["problems"]

        with capture_logs() as said:
            assert await ready() == {}
            (tmp_path / "fast").rename(tmp_path / "elsewhere")
            assert await until(ready, bool) == {"fast": "StoreError"}
            assert await ready() == {"fast": "StoreError"}
            (tmp_path / "elsewhere").rename(tmp_path / "fast")
            await until(ready, lambda problems: problems == {})
        (why, again) = (line for line in said if "ready" in line["event"])
        assert (why["event"], why["part"], why["log_level"]) == ("not ready", "fast", "warning")
        assert "mount its volume" in why["reason"]
        assert (again["event"], again["part"]) == ("ready again", "fast")
