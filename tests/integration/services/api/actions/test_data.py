"""Bytes in, bytes out, over a socket."""

import hashlib
import random

import pytest

NOISE = random.Random(3).randbytes(5_000_000)


@pytest.mark.rule("IMG-392")
@pytest.mark.rule("IMG-220")
async def test_an_upload_makes_an_image_active_and_says_what_it_holds(api, owner):
    image = await owner.create_active(NOISE)
    assert (image["status"], image["size"], image["stores"]) == ("active", len(NOISE), "fast")
    assert image["checksum"] == hashlib.md5(NOISE).hexdigest()
    assert image["os_hash_value"] == hashlib.sha512(NOISE).hexdigest()
    assert await api.told(image["id"]) == [
        "image.created",
        "image.upload.started",
        "image.uploaded",
        "image.activated",
    ]


@pytest.mark.rule("IMG-419")
async def test_a_download_gives_the_bytes_that_were_sent(owner):
    image = await owner.create_active(NOISE)
    answer = await owner.get(f"/v2/images/{image['id']}/file")
    assert (answer.status, answer.content) == (200, NOISE)
    assert answer.headers["Content-MD5"] == image["checksum"]
    assert answer.headers["Content-Type"] == "application/octet-stream"
