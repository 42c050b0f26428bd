"""Nothing that was told in confidence is ever printed: not in logs, answers, events, tracebacks or by any command."""

import asyncio
import json
import signal

import aiohttp
import asyncpg
import pytest
from typer.testing import CliRunner

from glimpse import cli
from tests.fixtures.waiting import until

TOKEN_OF_KEYSTONE, TOKEN_OF_A_PROVIDER = "gAAAAA", "eyJ"
"""What tokens begin with: those that we get for ourselves, nobody can list."""
IN_CONFIDENCE = {
    "postgres.dsn": "s3cret-of-the-database",
    "bus.kafka_password": "s3cret-of-kafka",
    "auth.keystone_application_credential_secret": "s3cret-of-the-credential",
    "auth.keystone_password": "glimpse-s3cret",
    "url": "s3cret-in-a-url",
    "header": "s3cret-in-a-header",
}


def told(dsn, **auth):
    """Return everything that is told in confidence, and how callers are known, as words of a command line."""
    settings = {
        "postgres.dsn": dsn.replace("glimpse@", f"glimpse:{IN_CONFIDENCE['postgres.dsn']}@"),
        "bus.kafka_password": IN_CONFIDENCE["bus.kafka_password"],
        "bus.kafka_user": "somebody",
        "log.level": "debug",
        **{f"auth.{name}": value for name, value in auth.items()},
    }
    return [word for name, value in settings.items() for word in ("--set", f"{name}={json.dumps(value)}")]


class Listener:
    """Remembers everything that anybody was told."""

    def __init__(self):
        self.heard = []

    async def ask(self, api, method, path, body=None, **headers):
        """Make a request; returns its status."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{api.base}{path}", data=body, headers=fields, allow_redirects=False) as answer,
        ):
            self.heard.append(f"{answer.headers}\n{(await answer.read()).decode(errors='replace')}")
            return answer.status

    async def run(self, *words):
        """Run a command to its end."""
        environment = {"GLIMPSE_AUTH__KEYSTONE_PASSWORD": IN_CONFIDENCE["auth.keystone_password"]}
        said = await asyncio.to_thread(CliRunner().invoke, cli.app, list(words), env=environment)
        self.heard.append(f"{said.output}\n{said.exception!r}")

    def assert_discreet(self, *more):
        everything = "\n".join(self.heard)
        assert len(everything) > 5000, "a test that hears nothing proves nothing"
        for secret in (*IN_CONFIDENCE.values(), TOKEN_OF_KEYSTONE, TOKEN_OF_A_PROVIDER, *more):
            at = everything.find(secret)
            assert at < 0, everything[max(0, at - 300) : at + len(secret) + 50]


async def events(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        rows = await connection.fetch("SELECT outbox::text AS said FROM outbox UNION ALL SELECT tasks::text FROM tasks")
    finally:
        await connection.close()
    return [row["said"] for row in rows]


async def break_the_tables(dsn):
    connection = await asyncpg.connect(dsn)
    await connection.execute("ALTER TABLE image_ids RENAME TO not_there; ALTER TABLE images RENAME TO not_there_either")
    await connection.close()


async def exercise(listener, api, known, **more):
    """Do what works and what does not."""
    secret = IN_CONFIDENCE["url"]
    make = json.dumps({"disk_format": "raw", "container_format": "bare", "name": "n"})
    assert await listener.ask(api, "POST", "/v2/images", make, **known, **more) == 201
    image = json.loads(listener.heard[-1].partition("\n")[2])["id"]
    path = f"/v2/images/{image}"
    octets = {"Content_Type": "application/octet-stream"}
    uri = {"name": "web-download", "uri": f"http://user:{secret}@127.0.0.1/disk?token={secret}"}
    asked = [
        ("GET", "/v2/images", None, {}),
        ("GET", f"{path}/nothing", None, {}),
        ("POST", "/v2/images", "{", {}),
        ("POST", f"{path}/import", json.dumps({"method": uri}), {}),
        ("PUT", f"{path}/file", b"bytes", octets),
        ("GET", f"{path}/file", None, {"Range": "bytes=9-"}),
        ("PATCH", path, "[]", {"Content_Type": "text/plain"}),
        ("GET", "/v2/images", None, {"X_Openstack_Request_ID": "r" * 65}),
        ("GET", "/v2/images", None, {"Cookie": IN_CONFIDENCE["header"]}),
        ("GET", "/readyz", None, {}),
        ("GET", "/metrics", None, {}),
        ("DELETE", path, None, {}),
    ]
    for method, where, body, headers in asked:
        assert await listener.ask(api, method, where, body, **known, **more, **headers) != 500


@pytest.mark.rule("AC-60", "AC-64", "AC-65")
async def test_a_full_run_with_an_identity_service_tells_no_secret(start_api, dsn, keystone):
    secret = IN_CONFIDENCE["auth.keystone_password"]
    keystone.admin("PATCH", f"/users/{keystone.users['glimpse']}", {"user": {"password": secret}})
    try:
        rules = {**keystone.settings, "keystone_password": secret, "keystone_timeout_seconds": 2}
        await _run_with_keystone(start_api, dsn, keystone, rules)
    finally:
        keystone.admin("PATCH", f"/users/{keystone.users['glimpse']}", {"user": {"password": "glimpse"}})


async def _run_with_keystone(start_api, dsn, keystone, rules):
    listener, ann, nova = Listener(), keystone.token("ann"), keystone.token("nova")
    words = told(dsn, **rules)
    api = await start_api(*words)
    await until(lambda: listener.ask(api, "GET", "/v2/images", X_Auth_Token=ann), lambda status: status == 200)
    await exercise(listener, api, {"X_Auth_Token": ann}, X_Service_Token=nova)
    assert await listener.ask(api, "GET", "/v2/images", X_Auth_Token=f"{ann}x", X_Service_Token=f"{nova}x") == 401
    api.process.send_signal(signal.SIGHUP)
    with keystone.asleep():
        assert await listener.ask(api, "GET", "/v2/images", X_Auth_Token=keystone_like(ann)) == 503
    listener.heard += await events(dsn)
    await break_the_tables(dsn)
    assert await listener.ask(api, "POST", "/v2/images", "{}", X_Auth_Token=ann) in (500, 503)
    wrong = await start_api(*told(dsn, **rules | {"keystone_password": IN_CONFIDENCE["url"]}), workers=1)
    assert await listener.ask(wrong, "GET", "/v2/images", X_Auth_Token=ann) == 503
    for command in (
        ["config", "show"],
        ["config", "show", "--json"],
        ["config", "check"],
        ["doctor"],
        ["policy", "show"],
    ):
        await listener.run(*command, *words)
        await listener.run(*command, *words, "--set", "api.port=none", "--set", "auth.keystone_password=5")
    listener.heard += [api.said(), wrong.said()]
    assert "request broke" in api.said()
    assert "identity does not answer" in api.said()
    listener.assert_discreet(ann, nova)


def keystone_like(token):
    """Return another token of which nobody knows anything."""
    return token[:-8] + "AAAAAAA="


async def test_a_full_run_with_signed_tokens_and_listed_ones_tells_no_secret(start_api, dsn, provider, tmp_path):
    listener, key = Listener(), provider.make()
    good, over = provider.token(key), provider.token(key, exp=1)
    api = await start_api(*told(dsn, **provider.settings))
    await exercise(listener, api, {"Authorization": f"Bearer {good}"})
    for token in (over, provider.token(provider.make()), f"{good}x", good.replace(".", "")):
        assert await listener.ask(api, "GET", "/v2/images", X_Auth_Token=token) == 401
    listed = tmp_path / "tokens.toml"
    listed.write_text(f'[[tokens]]\nsha256 = "{"0" * 64}"\nuser = "u"\n')
    by_list = await start_api(*told(dsn, mode="static", static_file=str(listed)))
    assert await listener.ask(by_list, "GET", "/v2/images", X_Auth_Token=IN_CONFIDENCE["header"]) == 401
    listed.write_text(f'[[tokens]]\nsha256 = "{IN_CONFIDENCE["header"]}"\n')  # the token, where its digest belongs
    assert await listener.ask(by_list, "GET", "/v2/images", X_Auth_Token=IN_CONFIDENCE["header"]) == 401
    listener.heard += [*await events(dsn), api.said(), by_list.said()]
    listener.assert_discreet(good, over)
