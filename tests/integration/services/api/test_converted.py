"""Services start from every configuration that was converted, and answer as the reference did with it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from glimpse import settings as all_settings
from services.importer import main as importer
from services.scrubber import main as scrubber

GOLDEN = Path(__file__).parents[3] / "fixtures" / "moving"
NAMES = sorted(path.stem for path in GOLDEN.glob("*.toml"))
NAMED = {"auth": {"mode": "headers"}}
"""The identity services of those configurations are out of reach."""
HERE = {"host": "127.0.0.1", "port": 0, "access_log": False}


@pytest.fixture
def converted(dsn: str, tmp_path: Path) -> Callable[[str], dict[str, Any]]:
    """Return the settings that a configuration was converted to, with this test's database and folders."""

    def load(name: str) -> dict[str, Any]:
        text = (GOLDEN / f"{name}.toml").read_text()
        moved = tmp_path / "glimpse.toml"
        moved.write_text(text.replace('path = "/', f'path = "{tmp_path}/').replace('dir = "/', f'dir = "{tmp_path}/'))
        tree = all_settings.stated(moved, {"postgres": {"dsn": dsn}, "api": HERE})
        tree.get("auth", {}).pop("keystone_ca_file", None)  # a file of theirs
        staging = {"staging": {"paths": [{"path": str(tmp_path / "staging")}]}}
        return all_settings.merged(staging, tree)

    return load


@pytest.mark.parametrize("name", NAMES)
async def test_every_service_starts_from_it(name: str, converted: Any, run: Any) -> None:
    tree = converted(name)
    configured = all_settings.validated(tree)
    async with contextlib.AsyncExitStack() as stack:
        api = await stack.enter_async_context(run(tree))
        await stack.enter_async_context(importer.opened(configured))
        await stack.enter_async_context(scrubber.opened(configured, asyncio.Event()))
        assert (await api.person().get("/healthz")).status == 200
        assert (await api.person().get("/readyz")).json == {"status": "ok", "problems": {}}


@pytest.fixture
async def single(converted: Any, run: Any) -> AsyncIterator[Any]:
    async with run(all_settings.merged(converted("single-store"), NAMED)) as api:
        yield api


@pytest.fixture
async def multi(converted: Any, run: Any) -> AsyncIterator[Any]:
    async with run(all_settings.merged(converted("multi-store"), NAMED)) as api:
        yield api


async def test_nobody_gets_in_without_a_token(converted: Any, run: Any) -> None:
    async with run(converted("single-store")) as api:
        answer = await api.person().get("/v2/images")
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == 'Keystone uri="http://192.0.2.10/identity"'  # IMG-106


async def test_one_store_without_a_name_answers_as_such(single: Any) -> None:
    owner = single.person()
    assert (await owner.get("/v2/info/stores")).status == 404  # IMG-10
    image = await owner.create_active(b"bytes")
    assert "stores" not in image
    links = (await owner.get("/versions")).json["versions"][0]["links"]
    assert links == [{"rel": "self", "href": "http://192.0.2.10/image/v2/"}]  # IMG-9, IMG-37
    assert (await owner.get("/v2/info/import")).json["import-methods"]["value"] == ["web-download", "glance-direct"]


async def test_files_of_the_reference_are_left_alone_and_ids_can_be_used_again(single: Any, tmp_path: Path) -> None:
    image_id = "2a7b0a3c-6c8c-4b8e-9a52-6a3a0f1de001"
    theirs = tmp_path / "opt/stack/data/glance/images" / image_id
    theirs.write_bytes(b"as the reference left it")
    image = await single.person().create_active(b"as it comes here", id=image_id)
    assert image["id"] == image_id
    assert theirs.read_bytes() == b"as the reference left it"
    assert [
        path for path in (theirs.parent / "glimpse" / image_id).iterdir() if path.read_bytes() == b"as it comes here"
    ]


async def test_stores_with_names_have_them(multi: Any) -> None:
    stores = {store["id"]: store for store in (await multi.person().get("/v2/info/stores")).json["stores"]}
    assert stores["fast"] == {"id": "fast", "description": "Solid state: quick, and dear", "default": "true"}
    assert stores["cheap"] == {"id": "cheap", "description": "Disks that turn"}


async def test_limits_formats_and_digests_are_what_they_were(multi: Any) -> None:
    owner = multi.person()
    image = await owner.create_active(b"bytes")
    assert (image["os_hash_algo"], image["stores"]) == ("sha256", "fast")  # IMG-23, IMG-11
    assert (await owner.ask("POST", "/v2/images", {"disk_format": "vmdk"})).status == 400  # IMG-21
    many = [str(number) for number in range(65)]
    assert (await owner.ask("POST", "/v2/images", {"tags": many})).status == 413  # IMG-18
    assert (await owner.ask("POST", "/v2/images", {"tags": many[1:]})).status == 201


async def test_web_download_may_go_where_it_could(multi: Any) -> None:
    owner = multi.person()
    for uri, status in (
        ("http://mirror.example.org/disk", 400),  # IMG-27
        ("https://metadata.example.org/disk", 400),
        ("https://mirror.example.org:444/disk", 400),
        ("https://mirror.example.org:8443/disk", 202),
    ):
        image = await owner.create(disk_format="raw", container_format="bare")
        method = {"method": {"name": "web-download", "uri": uri}}
        assert (await owner.ask("POST", f"/v2/images/{image['id']}/import", method)).status == status, uri
