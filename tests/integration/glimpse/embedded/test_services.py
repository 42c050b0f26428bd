"""`glimpse up` with our own services: an image comes in, processes are killed, and it is still there."""

import hashlib
import os
import signal
import uuid

import aiohttp

from glimpse.embedded import house

DISK = b"a disk" * 100_000


async def call(session, method, path, **options):
    async with session.request(method, path, **options) as answer:
        assert answer.ok, await answer.text()
        return await answer.read()


async def test_an_image_outlives_every_process(start, home):
    up = await (await start(home, **house.SERVICES)).ready()
    path = f"/v2/images/{uuid.uuid4()}"
    async with aiohttp.ClientSession(f"http://127.0.0.1:{up.settings['api']['port']}") as session:
        new = {"id": path.rpartition("/")[2], "disk_format": "raw", "container_format": "bare"}
        await call(session, "POST", "/v2/images", json=new)
        await call(session, "PUT", f"{path}/file", data=DISK, headers={"Content-Type": "application/octet-stream"})
    before = up.services()
    assert set(before) == {"api", "importer", "scrubber"}
    for killed in before.values():
        os.kill(killed, signal.SIGKILL)
    await up.until(lambda: not set(before.values()) & set(up.services().values()))
    assert not [pid for pid in up.processes() if os.getpgid(pid) in before.values()]
    up.process.kill()
    await up.until(lambda: not up.processes())

    up = await (await start(home, **house.SERVICES)).ready()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{up.settings['api']['port']}") as session:
        assert (await call(session, "GET", path)).count(b'"active"') == 1
        assert hashlib.sha256(await call(session, "GET", f"{path}/file")).digest() == hashlib.sha256(DISK).digest()
        assert b'"owner":"local"' in await call(session, "GET", path)
    await up.stopped()
