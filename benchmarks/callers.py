"""What it costs to know who asks, in each mode, once everything that can be remembered is: time of the processor."""

import asyncio
import json
import tempfile
import time
from pathlib import Path

import jwt
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from glimpse.settings import Auth
from services.api.identity import static
from services.api.identity.headers import Named
from services.api.identity.identity import Identity
from services.api.identity.jwt.jwt import Signed
from services.api.identity.keystone.keystone import Keystone
from services.api.identity.keystone.known import Known
from services.api.identity.keystone.tokens import Token
from services.api.identity.none import Everybody

TOKEN = "g" * 180
HEADERS = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "u",
    "X-Project-Id": "p",
    "X-Roles": "member,reader",
}
LATER = 4_000_000_000
KEYS = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1())}


def measured(seconds: float = 0.3) -> dict[str, float]:
    """Return the microseconds that each mode takes for a request."""
    return asyncio.run(_measured(seconds))


async def _measured(seconds: float) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokens.toml"
        file.write_text(
            f'[[tokens]]\nsha256 = "{static.digest(TOKEN)}"\nuser = "u"\nproject = "p"\nroles = ["member"]\n'
        )
        listed = static.opened(Auth(mode="static", static_file=file))
        rules = Auth(keystone_url="http://127.0.0.1:5000")
        modes: dict[str, tuple[Identity, dict[str, str]]] = {
            "none": (Everybody(rules), {}),
            "headers": (Named(rules), HEADERS),
            "static": (listed, {"X-Auth-Token": TOKEN}),
            "keystone, a token that is known": (Keystone(rules, _known()), {"X-Auth-Token": TOKEN}),
            **{f"jwt, {algorithm}, a token that is known": _signed(algorithm) for algorithm in KEYS},
        }
        return {name: await _one(identity, headers, seconds) for name, (identity, headers) in modes.items()}


async def _one(identity: Identity, headers: dict[str, str], seconds: float) -> float:
    request: web.BaseRequest = make_mocked_request("GET", "/v2/images", headers=headers)
    request = request.clone(remote="127.0.0.1")
    count, began = 0, time.process_time()
    while (spent := time.process_time() - began) < seconds:
        for _ in range(100):
            await identity.identify(request, "req-1")
        count += 100
    return round(spent / count * 1e6, 1)


class _Sure:
    """An identity service that knows every token; it is asked once."""

    async def token(self, _text: str, *, allow_expired: bool) -> Token:
        nothing = {"domain": None, "system_scope": None, "is_admin_project": True, "access_rules": None}
        return Token(LATER, "u", "d", "p", "d", roles=("member", "reader"), services=frozenset(), **nothing)


def _known() -> Known:
    return Known(_Sure(), 300, 1000)  # type: ignore[arg-type]  # no more of it is asked for


def _signed(algorithm: str) -> tuple[Identity, dict[str, str]]:
    claims = {"iss": "https://id", "aud": "glimpse", "sub": "u", "exp": LATER, "project_id": "p", "roles": ["member"]}
    token = jwt.encode(claims, KEYS[algorithm], algorithm, headers={"kid": "k"})
    maker = jwt.algorithms.RSAAlgorithm if algorithm == "RS256" else jwt.algorithms.ECAlgorithm
    key = jwt.PyJWK(json.loads(maker.to_jwk(KEYS[algorithm].public_key())), algorithm)

    class Kept:
        async def key(self, _algorithm: str, _key_id: str | None) -> jwt.PyJWK:
            return key

    rules = Auth(mode="jwt", jwt_issuer="https://id", jwt_audience=("glimpse",))
    return Signed(rules, Kept()), {"Authorization": f"Bearer {token}"}  # type: ignore[arg-type]  # likewise


if __name__ == "__main__":
    print(json.dumps(measured(), indent=2))
