"""Tokens that an OpenID provider has signed: which are believed, and what happens when its keys change."""

import base64
import contextlib
import hmac
import json
import time

import jwt
import pytest
import pytest_asyncio
from aiohttp.test_utils import make_mocked_request
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from services.api.identity.jwt import keys
from tests.fixtures.provider import a_provider
from tests.fixtures.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider():
    """A provider that is always there; tests only add keys to it."""
    async with a_provider() as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def api(fresh_database, run, usual_settings, tmp_path_factory, provider):
    told = {"auth": {**provider.settings, "jwt_keys_seconds": 0.001}}  # every new key of a test is found
    async with fresh_database() as dsn, run(usual_settings(dsn, tmp_path_factory.mktemp("signed")) | told) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def own():
    """A provider of one test alone."""
    async with a_provider() as made:
        yield made


@pytest.fixture
def settings(settings, own):
    return {**settings, "auth": dict(own.settings)}


@pytest.fixture
def bearer(api):
    return lambda token, field="Authorization": bearer_at(api, token, field)


def bearer_at(api, token, field="Authorization"):
    somebody = api.person()
    somebody.headers = {field: f"Bearer {token}" if field == "Authorization" else token}
    return somebody


async def status(person):
    return (await person.get("/v2/images")).status


def unsigned(token, **header):
    """Return a token with another header in front of it."""
    packed = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    return f"{packed}.{token.split('.', 1)[1]}"


async def test_a_signed_token_says_who_asks_in_which_project_and_role(bearer, provider):
    key = provider.make()
    ann = bearer(provider.token(key))
    image = await ann.create(visibility="private")
    assert image["owner"] == "red"
    bea = bearer(provider.token(key, sub="bea", project_id="blue"))
    assert (await bea.get(f"/v2/images/{image['id']}")).status == 404
    reader = bearer(provider.token(key, roles=["Reader"]))
    assert (await reader.get(f"/v2/images/{image['id']}")).status == 200
    assert (await reader.ask("POST", "/v2/images", {})).status == 403
    assert await status(bearer(provider.token(key, roles=None))) == 403


@pytest.mark.parametrize("field", ["Authorization", "X-Auth-Token", "X-Storage-Token"])
async def test_a_token_may_come_in_any_of_the_fields(bearer, provider, field):
    assert await status(bearer(provider.token(provider.make()), field)) == 200


@pytest.mark.rule("OP-101")
@pytest.mark.parametrize("others", [{}, {"X-Auth-Token": "unchecked", "X-Storage-Token": "unchecked"}])
async def test_the_token_of_a_caller_is_the_one_that_was_believed(api, provider, others):
    token = provider.token(provider.make())
    request = make_mocked_request("GET", "/v2/images", {"Authorization": f"Bearer {token}", **others})
    caller = await api.ports.identity.identify(request, "req-1")
    assert (caller.token, token in repr(caller)) == (token, False)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://elsewhere.test"},
        {"iss": None},
        {"aud": "another"},
        {"aud": ["another", "one"]},
        {"aud": None},
        {"exp": None},
        {"exp": 1},
        {"exp": "soon"},
        {"nbf": time.time() + 3600},
        {"iat": time.time() + 3600},
        {"sub": None},
        {"sub": ""},
        {"project_id": ["red"]},
    ],
)
async def test_a_token_that_is_not_for_us_now_is_worth_nothing(bearer, provider, claims):
    if claims.get("sub", "x") is None:
        claims = {**claims, "email": "a@b"}
    answer = await bearer(provider.token(provider.make(), **claims)).get("/v2/images")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="glimpse"'


async def test_an_end_that_is_written_as_text_is_one(bearer, provider):
    key = provider.make()
    claims = jwt.decode(provider.token(key), options={"verify_signature": False})
    signed = jwt.api_jws.encode(
        json.dumps(claims | {"exp": str(int(claims["exp"]))}).encode(), provider.keys[key], "RS256", {"kid": key}
    )
    assert await status(bearer(signed)) in (200, 401)  # as the library has it: never broken


async def test_a_token_may_be_for_others_too(bearer, provider):
    assert await status(bearer(provider.token(provider.make(), aud=["another", "glimpse"]))) == 200


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "gAAAAAB", f"{'e' * 40}.e.e"])
async def test_what_is_no_token_is_worth_nothing(bearer, provider, token):
    assert await status(bearer(token, "X-Auth-Token")) == 401
    deep = base64.urlsafe_b64encode(b'{"a":' + b"[" * 9000 + b"]" * 9000 + b"}").decode().rstrip("=")
    assert await status(bearer(f"{deep}.e30.e30", "X-Auth-Token")) == 401


async def test_a_token_that_wants_no_signature_or_a_shared_secret_is_worth_nothing(bearer, provider):
    key = provider.make()
    good = provider.token(key)
    public = provider.keys[key].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = unsigned(good, alg="HS256", kid=key).rpartition(".")[0]
    mac = base64.urlsafe_b64encode(hmac.digest(public, signed.encode(), "sha256")).rstrip(b"=").decode()
    assert await status(bearer(good)) == 200
    for forged in (
        f"{signed}.{mac}",  # what everybody knows as the secret
        unsigned(good, alg="none", kid=key),
        unsigned(good, alg="none", kid=key).rpartition(".")[0] + ".",
        unsigned(good, alg="HS256", kid=key),
        unsigned(good, alg="RS512", kid=key),
        unsigned(good, alg="RS256", kid=[key]),
        unsigned(good, kid=key),
        good[:-6] + "AAAAAA",
        good.replace(good.split(".")[1], good.split(".")[1][:-2] + "AA"),
    ):
        assert await status(bearer(forged)) == 401


async def test_somebody_elses_key_under_a_known_name_is_worth_nothing(bearer, provider):
    key, other = provider.make(), provider.make()
    forged = jwt.encode(
        jwt.decode(provider.token(key), options={"verify_signature": False}),
        provider.keys[other],
        "RS256",
        headers={"kid": key},
    )
    assert await status(bearer(forged)) == 401


@pytest.mark.parametrize(
    ("kind", "algorithm", "more", "allowed", "expected"),
    [
        ("ES256", "ES256", {}, ["ES256"], 200),
        ("ES384", "ES384", {}, ["ES384"], 200),
        ("EdDSA", "EdDSA", {}, ["EdDSA"], 200),
        ("RS256", "PS256", {}, ["PS256"], 200),
        ("RS256", "RS256", {"alg": "RS256", "use": "sig"}, ["RS256"], 200),
        ("RS256", "PS256", {}, ["RS256"], 401),
        ("RS256", "RS256", {"alg": "PS256"}, ["RS256", "PS256"], 401),
        ("RS256", "RS256", {"use": "enc"}, ["RS256"], 401),
        ("ES384", "ES384", {}, ["ES256"], 401),
        ("weak", "RS256", {}, ["RS256"], 401),
    ],
)
async def test_only_the_algorithms_that_are_allowed_and_fit_the_key_count(
    run, settings, own, kind, algorithm, more, allowed, expected
):
    settings["auth"]["jwt_algorithms"] = allowed
    key = own.make(kind, **more)
    with pytest.warns() if kind == "weak" else contextlib.nullcontext():
        token = own.token(key, algorithm)
    async with run(settings) as api:
        assert await status(bearer_at(api, token)) == expected


async def test_a_token_that_names_no_key_must_leave_no_doubt(provider):
    one, other = (provider.jwk(provider.make()) for _ in range(2))
    assert keys.fitting([one], "RS256", None) is not None
    assert keys.fitting([one, other], "RS256", None) is None


async def test_keys_are_fetched_once_and_again_when_there_is_a_new_one(run, settings, own, monkeypatch):
    async with run(settings) as api:
        old = own.make()
        assert [await status(bearer_at(api, own.token(old))) for _ in range(3)] == [200] * 3
        assert own.asked == 1
        new = own.make()
        del own.keys[old]
        assert (
            await status(bearer_at(api, own.token(new))) == 401
        )  # it was looked at a moment ago: nobody can make us ask
        assert own.asked == 1
        monkeypatch.setattr(keys, "AGAIN_SECONDS", 0.0)
        assert await status(bearer_at(api, own.token(new))) == 200
        assert own.asked == 2


async def test_a_token_that_was_believed_dies_on_time(run, settings, own):
    settings["auth"]["jwt_leeway_seconds"] = 0
    token = own.token(own.make(), exp=time.time() + 2)
    async with run(settings) as api:
        assert await status(bearer_at(api, token)) == 200
        await until(lambda: status(bearer_at(api, token)), lambda seen: seen == 401)


async def test_no_more_tokens_are_remembered_than_there_may_be(run, settings, own, monkeypatch):
    monkeypatch.setattr("services.api.identity.jwt.jwt.TOKENS", 2)
    key = own.make()
    async with run(settings) as api:
        for number in range(5):
            assert await status(bearer_at(api, own.token(key, sub=f"u{number}"))) == 200
        assert len(api.ports.identity._seen) == 2


async def test_a_key_that_is_taken_away_counts_no_more(run, settings, own):
    settings["auth"]["jwt_keys_seconds"] = 0.001
    old = own.make()
    token = own.token(old)
    async with run(settings) as api:
        assert await status(bearer_at(api, token)) == 200
        own.make()
        del own.keys[old]
        assert await status(bearer_at(api, token)) == 401


async def test_while_the_provider_is_away_its_known_keys_count_and_nobody_else_is_sent_away_for_good(
    run, settings, own, monkeypatch
):
    settings["auth"]["jwt_keys_seconds"] = 0.001
    key = own.make()
    own.is_away = True
    async with run(settings) as api:
        answer = await bearer_at(api, own.token(key)).get("/v2/images")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    own.is_away = False
    async with run(settings) as api:
        assert await status(bearer_at(api, own.token(key))) == 200
        own.is_away = True
        assert await status(bearer_at(api, own.token(key))) == 200
        monkeypatch.setattr(keys, "AGAIN_SECONDS", 0.0)
        assert await status(bearer_at(api, own.token(own.make()))) == 503
        monkeypatch.setattr(keys, "LONGEST_SECONDS", 0.0)
        assert await status(bearer_at(api, own.token(key))) == 503


async def test_while_the_provider_hangs_nobody_with_a_known_key_waits_for_it(run, settings, own, monkeypatch):
    settings["auth"] |= {"jwt_keys_seconds": 0.001, "jwt_timeout_seconds": 600}
    monkeypatch.setattr(keys, "MOMENT_SECONDS", 0.01)
    old = own.make()
    async with run(settings) as api:
        assert await status(bearer_at(api, own.token(old))) == 200
        own.answers.clear()
        assert [await status(bearer_at(api, own.token(old))) for _ in range(20)] == [200] * 20
        assert own.waits == 1
        new = own.make()
        own.answers.set()
        await until(lambda: status(bearer_at(api, own.token(new))), lambda seen: seen == 200)
        own.answers.clear()
        assert await status(bearer_at(api, own.token(old))) == 200  # and the one who still asks keeps nobody up


async def test_a_document_of_another_provider_is_not_believed(run, settings, own):
    settings["auth"]["jwt_issuer"] = f"{own.base}/"
    async with run(settings) as api:
        assert await status(bearer_at(api, own.token(own.make(), iss=f"{own.base}/"))) == 503
    settings["auth"]["jwt_jwks_url"] = f"{own.base}/keys"
    async with run(settings) as api:
        assert await status(bearer_at(api, own.token(own.make(), iss=f"{own.base}/"))) == 200
