"""Tokens in a file: who has one, and what happens when the file changes."""

import os

import pytest
from typer.testing import CliRunner

from glimpse import cli
from glimpse.errors import Invalid
from services.api.identity import static


def made(*words):
    """Make a token as an operator does; returns itself, and its entry."""
    said = CliRunner().invoke(cli.app, ["token", *words])
    assert said.exit_code == 0, said.output
    token = said.stderr.strip().rpartition(" ")[2]
    assert token not in said.stdout
    return token, said.stdout


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "tokens.toml"
    path.write_text("")
    return path


@pytest.fixture
def settings(settings, file):
    return {**settings, "auth": {"mode": "static", "static_file": str(file)}}


def say(file, text):
    """Exchange the file at once."""
    new = file.with_suffix(".new")
    new.write_text(text)
    os.replace(new, file)


def bearer(api, token, name="X-Auth-Token"):
    somebody = api.person()
    somebody.headers = {name: token}
    return somebody


async def test_whoever_has_a_token_is_whom_the_file_names(api, file):
    token, entry = made("--user", "ci", "--project", "p7")
    reader, other = made("--user", "you", "--project", "p7", "--roles", "reader")
    over, past = made("--user", "old", "--days", "-1")
    say(file, entry + other + past)
    image = await bearer(api, token).create(visibility="private")
    assert image["owner"] == "p7"
    assert (await bearer(api, reader, "X-Storage-Token").get(f"/v2/images/{image['id']}")).status == 200
    assert (await bearer(api, reader).ask("POST", "/v2/images", {})).status == 403
    for worthless in (over, "x", "", token + "x", static.digest(token)):
        answer = await bearer(api, worthless).get("/v2/images")
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"].startswith("Keystone uri=")


async def test_a_token_that_is_taken_out_is_worth_nothing_with_the_next_request(api, file):
    token, entry = made("--user", "ci")
    say(file, entry)
    assert (await bearer(api, token).get("/v2/schemas/image")).status == 200
    say(file, "")
    assert (await bearer(api, token).get("/v2/schemas/image")).status == 401


async def test_a_file_that_makes_no_sense_leaves_tokens_as_they_were_and_says_so_once(api, file, capsys):
    token, entry = made("--user", "ci")
    say(file, entry)
    assert (await bearer(api, token).get("/v2/schemas/image")).status == 200
    for broken in ("[[tokens]]\nuser = 5", "nonsense", entry + entry):
        say(file, broken)
        capsys.readouterr()
        assert [(await bearer(api, token).get("/v2/schemas/image")).status for _ in range(2)] == [200, 200]
        assert capsys.readouterr().out.count("tokens stay as they were") == 1
    file.unlink()
    assert (await bearer(api, token).get("/v2/schemas/image")).status == 200


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nonsense", "is not TOML"),
        ("[[tokens]]\nuser = 'u'", "tokens.0.sha256: Field required"),
        ("[[tokens]]\nuser = 'u'\nsha256 = 'a token, as it is'", "tokens.0.sha256: String should match"),
        ("[[token]]\nuser = 'u'", "token: Extra inputs"),
        (f"[[tokens]]\nuser = 'u'\nsha256 = '{'a' * 64}'\nexpires_at = 2027-01-01T00:00:00", "timezone"),
        (f"[[tokens]]\nuser = 'u'\nsha256 = '{'a' * 64}'\n" * 2, "a token twice"),
    ],
)
def test_with_a_file_that_makes_no_sense_nothing_starts(file, text, reason):
    file.write_text(text)
    with pytest.raises(Invalid, match=reason):
        static.read(file)


@pytest.mark.rule("IMG-259")
async def test_who_has_no_project_owns_nothing_and_shares_nothing_with_others_who_have_none(api, file):
    tokens, entries = zip(*(made("--user", name) for name in ("alice", "mallory")), strict=True)
    root, entry = made("--user", "root", "--project", "p1", "--roles", "admin")
    say(file, "".join((*entries, entry)))
    alice, mallory = (bearer(api, token) for token in tokens)
    assert (await alice.ask("POST", "/v2/images", {"visibility": "private"})).status == 403
    unowned = await bearer(api, root).create(visibility="private", owner=None)
    assert (await mallory.get(f"/v2/images/{unowned['id']}")).status == 200  # AC-1: None is None
    for method, path in (("DELETE", ""), ("GET", "/file"), ("PUT", "/tags/x"), ("POST", "/actions/deactivate")):
        assert (await mallory.ask(method, f"/v2/images/{unowned['id']}{path}")).status == 403
