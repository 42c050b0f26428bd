"""Signed images: uploaded and imported, with certificates from a directory and from a key manager."""

import asyncio
import gzip
import hashlib
import uuid

import pytest
from cryptography.hazmat.primitives import serialization

from glimpse import sealed
from services.importer import jobs
from services.importer import main as importer_main
from tests.fixtures import signing
from tests.integration.services.importer.conftest import serving

CONTENT = b"what was signed" * 10_000
NAME = str(uuid.uuid4())
TOKEN = "the caller's token"
EVERY_KEY = {key_type: make() for key_type, make in signing.KEYS.items()}
KEY = EVERY_KEY["ECC_SECP384R1"]


@pytest.fixture
async def manager():
    manager = signing.KeyManager(TOKEN, {NAME: signing.a_certificate(KEY, serialization.Encoding.DER)})
    async with serving(manager.give) as uri:
        yield manager, uri.removesuffix("/disk")


@pytest.fixture
def settings(settings, tmp_path, manager):
    folder = tmp_path / "certificates"
    folder.mkdir()
    for key_type, key in EVERY_KEY.items():
        (folder / f"{key_type.replace('_', '-')}.pem").write_bytes(signing.a_certificate(key))
    (folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nno")
    (tmp_path / "secret.pem").write_bytes(signing.a_certificate(KEY))
    settings["import"] |= {
        "scratch_dir": str(tmp_path / "scratch"),
        "retry_seconds": 0,
        "attempts": 2,
        "sealing_key": sealed.new_private_key(),
        "plugins": ["decompression"],
    }
    settings["signatures"] = {"certificates_dir": str(folder), "key_manager_url": manager[1]}
    return settings


@pytest.fixture
async def work(api):
    async with importer_main.opened(api.ports.settings) as ports:

        async def work():
            while tasks := await jobs.claim(ports, 10):
                await asyncio.gather(*(jobs.run(ports, task) for task in tasks))

        yield work


def properties(key_type="ECC_SECP384R1", method="SHA-256", certificate=None, content=CONTENT):
    name = certificate or key_type.replace("_", "-")
    return signing.signed(EVERY_KEY[key_type], key_type, method, name, content)


async def queued(owner, **members):
    return (await owner.create(disk_format="raw", container_format="bare", **members))["id"]


async def imported(owner, work, image_id, content):
    assert (await owner.stage(image_id, content)).status == 204
    asked = {"method": {"name": "glance-direct"}}
    assert (await owner.ask("POST", f"/v2/images/{image_id}/import", asked)).status == 202
    await work()
    return await owner.show(image_id), (await owner.get(f"/v2/images/{image_id}/tasks")).json["tasks"][-1]


@pytest.mark.rule("IMG-188", "OP-100", "OP-103")
@pytest.mark.parametrize("key_type", list(EVERY_KEY))
@pytest.mark.parametrize("method", ["SHA-224", "SHA-512"])
async def test_an_upload_that_was_signed_is_verified_and_says_so(owner, key_type, method):
    image_id = await queued(owner, **properties(key_type, method))
    assert (await owner.upload(image_id, CONTENT)).status == 204
    image = await owner.show(image_id)
    assert image["status"] == "active"
    assert image["os_glimpse_signature_certificate"] == key_type.replace("_", "-")
    algorithm = method.lower().replace("-", "")
    assert image["os_glimpse_signature_hash_algo"] == algorithm
    assert image["os_glimpse_signature_hash_value"] == hashlib.new(algorithm, CONTENT).hexdigest()
    assert image["os_glimpse_signature_verified_at"].endswith("Z")


@pytest.mark.rule("IMG-188", "OP-102")
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"img_signature": "AAAA"}, "does not hold"),
        (properties("ECC_SECP384R1", content=b"other bytes"), "does not hold"),
        ({"img_signature_certificate_uuid": "ECC-SECP521R1"}, "no key of type ECC_SECP384R1"),
        ({"img_signature_hash_method": "SHA-512"}, "does not hold"),
        ({"img_signature_hash_method": "MD5"}, "SHA-224, SHA-256"),
        ({"img_signature_key_type": "RSA-PSS"}, "no key of type RSA-PSS"),
        ({"img_signature_key_type": "ECC_SECT571K1"}, "not verified any more"),
        ({"img_signature_key_type": "ROT13"}, "RSA-PSS, DSA"),
        ({"img_signature": "no base64!"}, "not base64"),
        ({"img_signature_certificate_uuid": "broken"}, "can not be read"),
        ({"img_signature_certificate_uuid": "../secret"}, "no id of a certificate"),
        ({"img_signature_certificate_uuid": str(uuid.uuid4())}, "gives you no certificate"),
    ],
)
async def test_one_that_does_not_hold_is_400_with_the_reason_and_nothing_is_kept(api, owner, changed, words):
    image_id = await queued(owner, **properties() | changed)
    answer = await owner.upload(image_id, CONTENT)
    assert (answer.status, words in answer.content.decode()) == (400, True), answer.content
    image = await owner.show(image_id)
    assert (image["status"], image["size"], image["checksum"]) == ("queued", None, None)
    assert [state for _store, state in await api.blobs(image_id)] == ["doomed"]


@pytest.mark.rule("OP-100")
@pytest.mark.parametrize("missing", list(properties()))
async def test_with_less_than_all_four_nothing_is_verified(owner, missing):
    said = {name: value for name, value in properties(content=b"other").items() if name != missing}
    image_id = await queued(owner, **said)
    assert (await owner.upload(image_id, CONTENT)).status == 204
    assert "os_glimpse_signature_verified_at" not in await owner.show(image_id)


@pytest.mark.rule("OP-101")
async def test_the_callers_token_may_come_in_the_other_field(owner, work, manager):
    owner.headers["X-Storage-Token"] = TOKEN
    image_id = await queued(owner, **properties(certificate=NAME))
    assert (await owner.upload(image_id, CONTENT)).status == 204
    image_id = await queued(owner, **properties(certificate=NAME))
    image, task = await imported(owner, work, image_id, CONTENT)
    assert (image["status"], task["message"]) == ("active", "")


@pytest.mark.rule("OP-101")
async def test_the_key_manager_is_asked_with_the_callers_token(owner, work, api, manager):
    image_id = await queued(owner, **properties(certificate=NAME))
    assert (await owner.upload(image_id, CONTENT)).status == 400  # no token, no certificate
    owner.headers["X-Auth-Token"] = TOKEN
    assert (await owner.upload(image_id, CONTENT)).status == 204

    image_id = await queued(owner, **properties(certificate=NAME))
    image, task = await imported(owner, work, image_id, CONTENT)
    assert (image["status"], task["message"]) == ("active", "")
    assert image["os_glimpse_signature_certificate"] == NAME
    async with api.ports.database.reading() as reader:
        assert await reader.fetchval("SELECT count(*) FROM tasks WHERE caller IS NOT NULL") == 0

    manager[0].status = 503
    image_id = await queued(owner, **properties(certificate=NAME))
    assert (await owner.upload(image_id, CONTENT)).status == 503
    assert (await owner.show(image_id))["status"] == "queued"
    image, task = await imported(owner, work, image_id, CONTENT)
    assert (image["status"], "key manager" in task["message"]) == ("queued", True)


@pytest.mark.rule("OP-102", "IMG-721")
async def test_an_import_whose_signature_does_not_hold_fails_for_good_with_the_reason(api, owner, work):
    image_id = await queued(owner, **properties(content=b"other bytes"))
    image, task = await imported(owner, work, image_id, CONTENT)
    assert (image["status"], task["status"], task["error"]["code"]) == ("queued", "failure", "signature_invalid")
    assert "does not hold" in task["message"]
    assert dict(await api.blobs(image_id))["fast"] == "doomed"


@pytest.mark.rule("OP-103")
async def test_the_bytes_as_they_came_are_verified_not_what_became_of_them(owner, work):
    packed = gzip.compress(CONTENT)
    image_id = await queued(owner, **properties(content=packed))
    image, _task = await imported(owner, work, image_id, packed)
    assert (image["status"], image["size"]) == ("active", len(CONTENT))
    assert image["os_glimpse_signature_hash_value"] == hashlib.sha256(packed).hexdigest()
    image_id = await queued(owner, **properties(content=CONTENT))
    image, task = await imported(owner, work, image_id, packed)
    assert (image["status"], task["error"]["code"]) == ("queued", "signature_invalid")


@pytest.mark.rule("OP-100")
async def test_where_nothing_can_verify_it_a_signed_image_is_refused(run, settings):
    async with run(settings | {"signatures": {}}) as api:
        owner = api.person("p1")
        image_id = await queued(owner, **properties())
        answer = await owner.upload(image_id, CONTENT)
        assert (answer.status, b"[signatures] is not set" in answer.content) == (400, True)
