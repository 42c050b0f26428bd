"""The importer as a process of its own."""

import asyncio
import hashlib
import os
import signal
import sys

import pytest
from aiohttp import web

from glimpse.bus.sequencer import Sequencer
from schemas.events import ImportRequested

CONFIG = """
[postgres]
dsn = "{dsn}"

[stores.fast]
paths = [{{path = "{folder}/fast"}}]

[stores.cheap]
paths = [{{path = "{folder}/cheap"}}]

[staging]
paths = [{{path = "{folder}/staging"}}]

[import]
allowed_networks = ["127.0.0.1/32"]
allowed_ports = []
scratch_dir = "{folder}/scratch"
poll_seconds = {poll_seconds}
"""


@pytest.fixture
async def start(house, dsn):
    """Start an importer on the house's database and stores; returns it once it says that it serves."""
    config = house.folder / "glimpse.toml"
    started = []

    async def begin(poll_seconds=0.05):
        text = CONFIG.format(dsn=dsn, folder=house.folder, poll_seconds=poll_seconds)
        config.write_text(text.replace("[postgres]", 'default_store = "fast"\n\n[postgres]'))
        reading, writing = os.pipe()
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from glimpse.cli import main; main()",
            "importer",
            "--config",
            str(config),
            pass_fds=[writing],
            env={**os.environ, "GLIMPSE_READY_FD": str(writing)},
        )
        started.append(process)
        os.close(writing)
        try:
            assert await asyncio.wait_for(asyncio.to_thread(os.read, reading, 6), 30) == b"ready\n"
        finally:
            os.close(reading)
        return process

    yield begin
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_works_on_what_is_due_and_stops_when_told(house, start, noise):
    process = await start()
    image_id = await house.importing()
    await house.stage(image_id, noise)
    await house.ask(image_id, {"name": "glance-direct"}, ["fast"])
    async with asyncio.timeout(20):
        while (await house.image(image_id)).status != "active":
            await asyncio.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0


async def test_news_of_a_request_wakes_it(house, start, noise):
    await start(poll_seconds=3600)
    async with asyncio.timeout(20):  # until it listens, and has looked for tasks by itself
        while not (await house.row("SELECT count(*) AS listening FROM marks"))["listening"]:
            await asyncio.sleep(0.02)
    image_id = await house.importing()
    await house.stage(image_id, noise)
    task_id = await house.ask(image_id, {"name": "glance-direct"}, ["fast"])
    async with house.database.transaction() as tx:
        await tx.emit(ImportRequested(subject=image_id, image={}, task_id=task_id, method="glance-direct", stores=[]))
    await Sequencer(house.database, house.ports.settings.bus).run_once()
    async with asyncio.timeout(20):
        while (await house.image(image_id)).status != "active":
            await asyncio.sleep(0.02)


async def test_on_sigterm_it_gives_back_what_it_has_not_done(house, start, hanging):
    process = await start()
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": hanging.uri}, ["fast"])
    await asyncio.wait_for(hanging.asked.wait(), 20)
    process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), 10) == 0
    task = await house.task(task_id)
    assert (task["status"], task["lease_owner"], task["attempts"]) == ("processing", None, 0)
    assert set((await house.blobs(image_id)).get("fast", ["doomed"])) == {"doomed"}


async def test_when_it_is_killed_another_takes_the_task_over(house, start, hanging, noise, serve):
    process = await start()
    image_id = await house.importing()
    task_id = await house.ask(image_id, {"name": "web-download", "uri": hanging.uri}, ["fast"])
    await asyncio.wait_for(hanging.asked.wait(), 20)
    process.kill()
    await process.wait()
    assert await house.work() == 0  # its lease has not ended yet
    await house.execute("UPDATE tasks SET lease_until = clock_timestamp()")
    await house.execute(
        """UPDATE tasks SET type = 'api_image_import', input = jsonb_set(input, '{import_req,method}', $1)""",
        {"name": "glance-direct"},
    )
    await house.stage(image_id, noise)
    assert await house.work() == 1
    assert (await house.task(task_id))["status"] == "success"
    assert await house.bytes_in(image_id, "fast") == noise


async def test_on_sighup_it_reads_its_settings_again_and_a_running_task_keeps_what_it_began_with(
    house, start, serve, noise
):
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def halves(request):
        response = web.StreamResponse(headers={"Content-Length": str(len(noise))})
        await response.prepare(request)
        await response.write(noise[:1000])
        asked.set()
        await go_on.wait()
        await response.write(noise[1000:])
        return response

    process = await start()
    async with serve(halves) as uri:
        running = await house.importing()
        await house.ask(running, {"name": "web-download", "uri": uri}, ["fast"])
        await asyncio.wait_for(asked.wait(), 20)
        config = house.folder / "glimpse.toml"
        before = config.read_text()
        config.write_text("no toml")
        process.send_signal(signal.SIGHUP)
        assert await imported(house, noise) == "sha512"
        config.write_text(f'{before}\n[images]\nhashing_algorithm = "sha256"\n')
        process.send_signal(signal.SIGHUP)
        async with asyncio.timeout(20):
            while await imported(house, noise) != "sha256":
                pass  # it has not heard yet
        go_on.set()
        await active(house, running)
    image = await house.image(running)
    assert (image.os_hash_algo, image.os_hash_value) == ("sha512", hashlib.sha512(noise).hexdigest())
    assert process.returncode is None


async def imported(house, content):
    """Import staged bytes; returns what they were hashed with."""
    image_id = await house.importing()
    await house.stage(image_id, content)
    await house.ask(image_id, {"name": "glance-direct"}, ["fast"])
    await active(house, image_id)
    return (await house.image(image_id)).os_hash_algo


async def active(house, image_id):
    async with asyncio.timeout(20):
        while (await house.image(image_id)).status != "active":
            await asyncio.sleep(0.02)
