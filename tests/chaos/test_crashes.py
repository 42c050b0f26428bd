"""Processes killed at every step of an image's way: it ends as it should, without any client doing anything."""

import hashlib
import http.client
import http.server
import random
import subprocess
import threading
import uuid

import psutil
import pytest

NOISE = random.Random(9).randbytes(3_000_000)
OCTETS = {"Content_Type": "application/octet-stream"}


def staged(glimpse):
    """Make an image whose bytes are staged; returns its id."""
    image_id = glimpse.create()["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/stage", NOISE, **OCTETS).status == 204
    return image_id


def uploaded(glimpse):
    """Make an active image; returns its id."""
    image_id = glimpse.create()["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/file", NOISE, **OCTETS).status == 204
    return image_id


def ask_for_import(glimpse, image_id, **method):
    answer = glimpse.ask("POST", f"/v2/images/{image_id}/import", {"method": method or {"name": "glance-direct"}})
    assert answer.status == 202, answer.content


def has_its_bytes(glimpse, image_id):
    image = glimpse.wait(image_id, lambda image: image["status"] == "active")
    content = glimpse.ask("GET", f"/v2/images/{image_id}/file").content
    return hashlib.sha512(content).hexdigest() == image["os_hash_value"] == hashlib.sha512(NOISE).hexdigest()


async def writing(glimpse, image_id, store):
    """Wait until bytes of an image are on their way into a store."""
    query = "SELECT 1 FROM blobs WHERE image_id = $1 AND store = $2 AND state = 'writing'"
    await glimpse.until_async(lambda: glimpse.query(query, image_id, store))


@pytest.mark.parametrize(("path", "store"), [("file", "fast"), ("stage", "os_glance_staging_store")])
async def test_the_api_is_killed_in_the_middle_of_an_upload(glimpse, checker, sending, path, store):
    image_id = glimpse.create()["id"]
    with sending(f"/v2/images/{image_id}/{path}", NOISE):
        await writing(glimpse, image_id, store)
        glimpse.kill("api")
    glimpse.wait_until_ready()
    image = glimpse.wait(image_id, lambda image: image["status"] == "queued")
    assert (image["size"], image["checksum"]) == (None, None)
    await checker.in_order()
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/{path}", NOISE, **OCTETS).status == 204


async def test_the_api_is_killed_when_all_bytes_are_stored_and_nothing_is_committed(glimpse, checker, gate):
    image_id = glimpse.create()["id"]
    async with gate("UPDATE", "images", "NEW.status = 'active'") as held:
        sending = threading.Thread(target=lambda: _broken(glimpse, image_id))
        sending.start()
        await held.reached()
        glimpse.kill("api")
    sending.join()
    glimpse.wait_until_ready()
    glimpse.wait(image_id, lambda image: image["status"] == "queued")
    await checker.in_order()


def _broken(glimpse, image_id):
    with pytest.raises((ConnectionError, http.client.HTTPException, OSError)):
        glimpse.ask("PUT", f"/v2/images/{image_id}/file", NOISE, **OCTETS)


async def test_the_importer_is_killed_during_a_download(glimpse, checker, halting):
    image_id = glimpse.create()["id"]
    ask_for_import(glimpse, image_id, name="web-download", uri=halting.uri)
    halting.half_sent.wait(30)
    glimpse.kill("importer")
    halting.go_on.set()
    assert has_its_bytes(glimpse, image_id)
    await checker.in_order()


async def test_the_importer_is_killed_during_a_conversion(glimpse, checker, gate, tmp_path):
    (tmp_path / "raw").write_bytes(random.Random(4).randbytes(64 * 2**20))
    disk = tmp_path / "disk.qcow2"
    convert = ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", tmp_path / "raw", disk]
    subprocess.run(convert, check=True)  # noqa: ASYNC221  # nothing else runs in this loop
    image_id = glimpse.create(disk_format="qcow2")["id"]
    assert glimpse.ask("PUT", f"/v2/images/{image_id}/stage", disk.read_bytes(), **OCTETS).status == 204
    async with gate("UPDATE", "tasks", "NEW.progress ->> 'phase' = 'converting'") as held:
        ask_for_import(glimpse, image_id)
        await held.reached()
        at_work = psutil.Process(glimpse.process.pid).children(recursive=True)
        glimpse.kill("importer")
    image = glimpse.wait(image_id, lambda image: image["status"] == "active")
    content = glimpse.ask("GET", f"/v2/images/{image_id}/file").content
    assert (image["disk_format"], content) == ("raw", (tmp_path / "raw").read_bytes())
    await checker.in_order()
    at_work += psutil.Process(glimpse.process.pid).children(recursive=True)
    assert not [each for each in at_work if each.is_running() and each.name() == "qemu-img"]


async def test_the_importer_is_killed_when_all_bytes_are_stored_and_nothing_is_committed(glimpse, checker, gate):
    image_id = staged(glimpse)
    async with gate("UPDATE", "images", "NEW.status = 'active'") as held:
        ask_for_import(glimpse, image_id)
        await held.reached()
        glimpse.kill("importer")
    assert has_its_bytes(glimpse, image_id)
    await checker.in_order()


async def test_the_importer_is_killed_before_the_first_byte_of_a_copy(glimpse, checker, gate):
    image_id = staged(glimpse)
    async with gate("INSERT", "blobs", "NEW.key LIKE '%.%'") as held:
        ask_for_import(glimpse, image_id)
        await held.reached()
        glimpse.kill("importer")
    assert has_its_bytes(glimpse, image_id)
    await checker.in_order()


async def test_the_scrubber_is_killed_between_the_bytes_and_their_row(glimpse, checker, gate):
    image_id = uploaded(glimpse)
    async with gate("DELETE", "blobs") as held:
        assert glimpse.ask("DELETE", f"/v2/images/{image_id}").status == 204
        await held.reached()
        assert not [path for path in glimpse.files("fast") if image_id in str(path)]
        glimpse.kill("scrubber")
    await checker.in_order()
    assert (await glimpse.query("SELECT status FROM images WHERE id = $1", image_id)) == [{"status": "deleted"}]
    assert glimpse.facts(image_id)[-2:] == ["deleted", "purged"]


async def test_the_scrubber_is_killed_while_it_gives_an_image_back(glimpse, checker, gate):
    image_id = uploaded(glimpse)
    async with gate("UPDATE", "images", "OLD.status = 'pending_delete' AND NEW.status = 'active'") as held:
        assert glimpse.ask("DELETE", f"/v2/images/{image_id}").status == 204
        assert glimpse.ask("POST", f"/v2/images/{image_id}/actions/restore").status == 202
        await held.reached()
        glimpse.kill("scrubber")
    glimpse.wait_for_show(image_id)
    assert has_its_bytes(glimpse, image_id)
    await checker.in_order()


async def test_the_leader_is_killed_in_the_middle_of_a_batch(glimpse, checker, gate):
    async with gate("INSERT", "events") as held:
        image_id = glimpse.create(id=str(uuid.uuid4()))["id"]
        await held.reached()
        glimpse.kill("api")
    glimpse.wait_until_ready()
    await checker.in_order()
    assert glimpse.facts(image_id) == ["created"]


async def test_everything_is_killed_at_once(glimpse, checker, sending):
    image_id, other = glimpse.create()["id"], staged(glimpse)
    with sending(f"/v2/images/{image_id}/file", NOISE):
        await writing(glimpse, image_id, "fast")
        ask_for_import(glimpse, other)
        for service in ("importer", "scrubber", "api"):
            glimpse.kill(service)
    glimpse.wait_until_ready()
    assert has_its_bytes(glimpse, other)
    glimpse.wait(image_id, lambda image: image["status"] == "queued")
    await checker.in_order()


class Halting:
    """A web server that sends half of a body, and the rest when it is told to go on."""

    def __init__(self):
        self.half_sent, self.go_on = threading.Event(), threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header("Content-Length", str(len(NOISE)))
                self.end_headers()
                self.wfile.write(NOISE[: len(NOISE) // 2])
                outer.half_sent.set()
                outer.go_on.wait(60)
                self.wfile.write(NOISE[len(NOISE) // 2 :])

            def log_message(self, *_arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_arguments: None  # whoever asked was killed
        self.uri = f"http://127.0.0.1:{self.server.server_address[1]}/disk"


@pytest.fixture
def halting():
    halting = Halting()
    thread = threading.Thread(target=halting.server.serve_forever)
    thread.start()
    yield halting
    halting.go_on.set()
    halting.server.shutdown()
    thread.join()
    halting.server.server_close()
