"""Locations from the request to the bytes and back: the API, the importer and the scrubber as they are built."""

import asyncio
import contextlib
import hashlib
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from services.importer import jobs
from services.importer import main as importer_main
from services.scrubber import doomed, restore
from services.scrubber import main as scrubber_main
from tests.fixtures.disks import NOISE
from tests.integration.services.api.conftest import _usual_settings, running
from tests.integration.services.importer.conftest import serving

FORMATS = {"disk_format": "raw", "container_format": "bare"}


@pytest.mark.rule("IMG-544", "IMG-545", "OP-48", "OP-106")
async def test_an_image_lives_on_a_server_of_others_and_then_in_a_store_of_ours(dsn: str, tmp_path: Path) -> None:
    settings: dict[str, Any] = _usual_settings(dsn, tmp_path)
    settings["import"] |= {"scratch_dir": str(tmp_path / "scratch"), "retry_seconds": 0}
    settings["stores"]["web"] = {"type": "http", "weight": 9}
    settings["images"] = {"show_locations": True}
    settings["scrubber"] = {"delayed_delete": True}
    here = True

    async def give(_request: web.Request) -> web.Response:
        return web.Response(body=NOISE) if here else web.Response(status=404)

    async with contextlib.AsyncExitStack() as stack:
        url = await stack.enter_async_context(serving(give))
        api = await stack.enter_async_context(running(settings))
        importer = await stack.enter_async_context(importer_main.opened(api.ports.settings))
        scrubber = await stack.enter_async_context(scrubber_main.opened(api.ports.settings, asyncio.Event()))
        owner, admin = api.person("p1"), api.admin

        async def work() -> None:
            await asyncio.gather(*(jobs.run(importer, task) for task in await jobs.claim(importer, 10)))

        image = await owner.create(**FORMATS)
        said = {"os_hash_algo": "sha512", "os_hash_value": hashlib.sha512(NOISE).hexdigest()}
        added = await owner.ask("POST", f"/v2/images/{image['id']}/locations", {"url": url, "validation_data": said})
        assert added.status == 202
        await work()
        shown = await owner.show(image["id"])
        assert (shown["status"], shown["os_hash_value"], shown["stores"]) == ("active", said["os_hash_value"], "web")
        assert shown["locations"] == [{"url": url, "metadata": {"store": "web"}}]
        path = f"/v2/images/{image['id']}/file"
        assert (await owner.get(path)).content == NOISE

        copying = {"method": {"name": "copy-image"}, "stores": ["fast"]}
        assert (await admin.ask("POST", f"/v2/images/{image['id']}/import", copying)).status == 202
        await work()
        assert (await owner.show(image["id"]))["stores"] == "web,fast"
        here = False  # the next copy is read instead
        assert (await owner.get(path)).content == NOISE
        assert (await admin.ask("DELETE", f"/v2/stores/web/{image['id']}")).status == 204
        assert await doomed.run_once(scrubber) == 1
        assert await api.blobs(image["id"]) == [("fast", "stored")]

        assert (await owner.ask("DELETE", f"/v2/images/{image['id']}")).status == 204
        assert (await admin.ask("POST", f"/v2/images/{image['id']}/actions/restore")).status == 202
        assert await restore.run_once(scrubber) == 1
        assert (await owner.get(path)).content == NOISE
