"""Where the bytes of an image are, shown or not (IMG-14, IMG-174, AC-90)."""

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from glimpse.stores.filesystem import FilesystemStore
from tests.fixtures.waiting import until


@pytest.fixture
async def open_api(settings: dict[str, Any], run: Any) -> AsyncIterator[Any]:
    """An API that shows where bytes are."""
    settings["images"] = {"show_direct_url": True}
    settings["stores"]["cheap"]["weight"] = 5
    async with run(settings) as api:
        yield api


@pytest.mark.rule("IMG-14", "IMG-174", "AC-90")
async def test_nobody_is_shown_where_bytes_are_unless_the_operator_wants_it(owner: Any) -> None:
    image = await owner.create_active()
    assert "direct_url" not in image
    assert "direct_url" not in (await owner.get("/v2/images")).json["images"][0]


@pytest.mark.rule("IMG-14", "IMG-174", "IMG-724", "AC-90")
async def test_where_it_is_wanted_everybody_who_sees_an_image_sees_where_its_bytes_are(
    open_api: Any, tmp_path: Any
) -> None:
    owner, stranger = open_api.person("p1"), open_api.person("p2")
    image = await owner.create_active(b"bytes", visibility="community")
    (path,) = (tmp_path / "fast" / image["id"]).iterdir()
    assert image["direct_url"] == f"file://{path}"
    assert (await stranger.show(image["id"]))["direct_url"] == f"file://{path}"
    listed = (await owner.get("/v2/images")).json["images"]
    assert [each["direct_url"] for each in listed] == [f"file://{path}"]
    changed = await owner.patch(image["id"], {"op": "replace", "path": "/name", "value": "n"})
    assert changed.json["direct_url"] == f"file://{path}"


@pytest.mark.rule("AC-90")
async def test_an_operator_may_say_who_is_shown_it(settings: dict[str, Any], run: Any, tmp_path: Any) -> None:
    (tmp_path / "policy.yaml").write_text("get_image_location: role:service or project_id:%(owner)s")
    settings["images"] = {"show_direct_url": True}
    settings["policy"] = {"file": str(tmp_path / "policy.yaml")}
    async with run(settings) as api:
        image = await api.person("p1").create_active(b"bytes", visibility="community")
        assert "direct_url" in image
        service = api.person("p3", roles="service,reader")
        assert "direct_url" in await service.show(image["id"])
        assert "direct_url" not in await api.person("p2").show(image["id"])
        (listed,) = (await api.person("p2").get("/v2/images?visibility=community")).json["images"]
        assert "direct_url" not in listed


@pytest.mark.rule("IMG-174", "AC-94")
async def test_an_image_without_bytes_has_none(open_api: Any) -> None:
    owner = open_api.person("p1")
    image = await owner.create()
    assert "direct_url" not in image
    assert "direct_url" not in await owner.show(image["id"])
    assert "direct_url" not in (await owner.get("/v2/images")).json["images"][0]


@pytest.mark.rule("IMG-174")
async def test_of_several_copies_the_heaviest_store_is_named(open_api: Any, tmp_path: Any) -> None:
    owner = open_api.person("p1")
    image = await owner.create_active()
    await open_api.execute(
        "INSERT INTO blobs (image_id, store, key, state, size) VALUES ($1, 'cheap', $2, 'stored', 10)",
        image["id"],
        f"{image['id']}/copy",
    )
    await open_api.execute("UPDATE images SET stores = '{fast,cheap}' WHERE id = $1", image["id"])
    assert (await owner.show(image["id"]))["direct_url"] == f"file://{tmp_path}/cheap/{image['id']}/copy"


@pytest.mark.rule("IMG-179")
async def test_a_deactivated_image_shows_it_to_administrators_only(open_api: Any) -> None:
    owner = open_api.person("p1")
    image = await owner.create_active()
    await owner.ask("POST", f"/v2/images/{image['id']}/actions/deactivate")
    assert "direct_url" not in await owner.show(image["id"])
    assert "direct_url" in await open_api.admin.show(image["id"])


@pytest.mark.rule("IMG-174", "AC-90")
async def test_nobody_can_set_it(open_api: Any) -> None:
    owner = open_api.person("p1")
    assert (await owner.ask("POST", "/v2/images", {"direct_url": "file:///etc/passwd"})).status == 403
    image = await owner.create_active()
    change = {"op": "replace", "path": "/direct_url", "value": "file:///etc/passwd"}
    assert (await owner.patch(image["id"], change)).status == 403


async def test_while_a_store_looks_where_its_files_are_others_are_served(open_api: Any) -> None:
    looking, going_on = threading.Event(), threading.Event()

    class Slow(FilesystemStore):
        def url(self, key: str) -> str:
            looking.set()
            assert going_on.wait(30), "nobody else was served meanwhile"
            return super().url(key)

    owner = open_api.person("p1")
    going_on.set()
    open_api.ports.catalog._stores["fast"] = Slow("fast", open_api.ports.settings.stores["fast"])
    image = await owner.create_active()
    for path in ("/v2/images", f"/v2/images/{image['id']}"):
        looking.clear()
        going_on.clear()
        asking = asyncio.create_task(owner.get(path))
        await until(lambda: asyncio.sleep(0, looking.is_set()), bool)
        assert (await owner.get("/v2/schemas/image")).status == 200
        going_on.set()
        assert (await asking).status == 200
