"""Locations as the clients know them: `glance location-add | -update | -delete`, and the calls of 2.17 (IMG-686)."""

import asyncio
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import glanceclient
import pytest
from glanceclient import exc
from openstack import connection

from tests.compat import conftest
from tests.conftest import TEMPLATE
from tests.fixtures.up import free_port

CONTENT = b"bytes of somebody else"
SETTINGS = """
[stores.web]
type = "http"

[images]
show_locations = true

[import]
allowed_networks = ["127.0.0.1/32"]
allowed_ports = []
"""
NAME = "compat_locations"
FORMATS = {"disk_format": "raw", "container_format": "bare"}


class _Files(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(CONTENT)

    do_HEAD = do_GET

    def log_message(self, *_said: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Files) as serving:
        thread = threading.Thread(target=serving.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{serving.server_address[1]}"
        serving.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def url(cluster: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an API listens that shows locations; everybody is the administrator there."""
    folder = tmp_path_factory.mktemp("locations")
    asyncio.run(conftest._execute(cluster, f"CREATE DATABASE {NAME} TEMPLATE {TEMPLATE}"))
    port, config = free_port(), folder / "glimpse.toml"
    config.write_text(conftest.CONFIG.format(dsn=f"{cluster}/{NAME}", port=port, folder=folder) + SETTINGS)
    with conftest.started(config, folder / "log"):
        yield f"http://127.0.0.1:{port}"
    asyncio.run(conftest._execute(cluster, f"DROP DATABASE {NAME} WITH (FORCE)"))


@pytest.fixture(scope="module")
def client(url: str) -> Any:
    return glanceclient.Client(endpoint=f"{url}/v2", token="anything")


def test_locations_are_added_changed_and_removed(client: Any, server: str) -> None:
    image = client.images.create(**FORMATS)
    assert image.locations == []
    added = client.images.add_location(image.id, f"{server}/a", {})
    assert (added.status, added.size) == ("active", len(CONTENT))
    client.images.add_location(image.id, f"{server}/b", {"rack": "7"})
    changed = client.images.update_location(image.id, f"{server}/b", {"rack": "8"})
    assert [(each["url"], each["metadata"]) for each in changed.locations] == [
        (f"{server}/a", {"store": "web"}),
        (f"{server}/b", {"rack": "8", "store": "web"}),
    ]
    assert b"".join(client.images.data(image.id, do_checksum=False)) == CONTENT
    client.images.delete_locations(image.id, {f"{server}/a"})
    assert [each["url"] for each in client.images.get(image.id).locations] == [f"{server}/b"]
    with pytest.raises(exc.HTTPForbidden):
        client.images.delete_locations(image.id, {f"{server}/b"})


def test_the_command_adds_and_changes_them(url: str, client: Any, server: str) -> None:
    image = client.images.create(**FORMATS)

    def glance(*words: str) -> str:
        running = "from glanceclient import shell; shell.main()"
        argv = [sys.executable, "-W", "ignore", "-c", running, "--os-image-url", url]
        done = subprocess.run(
            [*argv, "--os-auth-token", "anything", *words], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert f"{server}/a" in glance("location-add", image.id, "--url", f"{server}/a")
    assert "rack" in glance("location-update", image.id, "--url", f"{server}/a", "--metadata", '{"rack": "9"}')
    assert client.images.get(image.id).locations[0]["metadata"] == {"rack": "9", "store": "web"}


def test_the_newer_calls_ask_the_importer(client: Any, url: str, server: str) -> None:
    image = client.images.create(**FORMATS)
    assert client.images.get_image_locations(image.id) == []
    added = client.images.add_image_location(image.id, f"{server}/a")
    assert (added.status, "os_glance_import_task" in added) == ("queued", True)
    with pytest.raises(exc.HTTPConflict):
        client.images.add_image_location(image.id, f"{server}/b")


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # the SDK's own, about what it calls in itself
def test_openstacksdk_adds_one_and_lists_them(url: str, client: Any, server: str) -> None:
    queued, active = client.images.create(**FORMATS), client.images.create(**FORMATS)
    client.images.add_location(active.id, f"{server}/a", {})
    with connection.Connection(auth_type="none", auth={"endpoint": url}) as sdk:
        added = sdk.image.add_image_location(queued.id, f"{server}/a")
        assert added.url == f"{server}/a"
        (task,) = sdk.image.image_tasks(queued.id)
        assert (task.type, task.input["loc_url"]) == ("location_import", f"{server}/a")
        assert [each.url for each in sdk.image.image_locations(active.id)] == [f"{server}/a"]
