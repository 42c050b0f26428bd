"""`glimpse image ...` against a service that says no, and places that can not be written to."""

import asyncio
import json
import sys

import pytest


@pytest.fixture
async def served(run, settings, tmp_path):
    """A service that asks nobody who they are, and lets nobody delete anything."""
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps({"delete_image": "!"}))
    settings |= {"auth": {"mode": "none", "none_project": "p1"}, "policy": {"file": str(rules)}}
    async with run(settings) as api:
        yield api


@pytest.fixture
def disk(tmp_path):
    path = tmp_path / "disk.raw"
    path.write_bytes(b"some bytes")
    return path


async def glimpse_image(*words, url):
    """Return how it ended, and what it said of what went wrong."""
    argv = (sys.executable, "-m", "glimpse.cli", "image", *words, "--url", url)
    process = await asyncio.create_subprocess_exec(*map(str, argv), stdout=-3, stderr=asyncio.subprocess.PIPE)
    _out, said = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, said.decode()


async def test_an_image_that_got_no_bytes_and_can_not_be_deleted_is_named(served, disk):
    words = ("upload", disk, "--disk-format", "raw", "--store", "nowhere")
    status, said = await glimpse_image(*words, url=served.base)
    (image,) = (await served.person().get("/v2/images")).json["images"]
    assert (status, image["status"]) == (1, "queued")
    assert said.startswith("glimpse: there is no store nowhere")
    assert said.endswith(f"image {image['id']} was made and has no bytes: glimpse image delete {image['id']}\n")


async def test_a_file_that_can_not_be_written_is_one_line(served, tmp_path):
    image = await served.person().create_active()
    for target, why in (
        (tmp_path, f"{tmp_path} is a folder: name the file to write"),
        (tmp_path / "none" / "o", f"there is no folder {tmp_path / 'none'} to write to"),
        ("/proc/o", "can not write /proc/o: No such file or directory"),
    ):
        ended = await glimpse_image("download", image["id"], "-o", target, url=served.base)
        assert ended == (1, f"glimpse: {why}\n")


@pytest.mark.parametrize("url", ["foo", "http://", "http://[", "ftp://here"])
async def test_what_is_no_url_of_a_service_is_refused(url):
    ended = await glimpse_image("list", url=url)
    assert ended == (1, f"glimpse: {url} is no URL of a service: it begins with http:// or https://\n")


async def test_no_list_is_shorter_than_nothing():
    status, said = await glimpse_image("list", "--limit", "-1", url="http://127.0.0.1:1")
    assert (status, "--limit" in said) == (2, True)
