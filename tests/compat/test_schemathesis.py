"""Requests that schemathesis makes up from the description, against a real API: it breaks over none of them, and every
answer is one that the description knows. GLIMPSE_TEST_FUZZ_SECONDS lets it go on for longer.
"""

import asyncio
import json
import os
import secrets
import subprocess
import sys

import pytest
import requests

from tests.compat.conftest import CONFIG, _execute, started
from tests.conftest import TEMPLATE
from tests.fixtures.up import free_port

SECONDS = int(os.environ.get("GLIMPSE_TEST_FUZZ_SECONDS", "8"))
SEED = os.environ.get("GLIMPSE_TEST_FUZZ_SEED", "7")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
NAME = "fuzzed"
CONFIRMED = {"X-Identity-Status": "Confirmed", "X-User-Id": "u1"}
ADMIN = {**CONFIRMED, "X-Roles": "admin,member,reader", "X-Project-Id": "p1"}
MEMBER = {**CONFIRMED, "X-Roles": "member,reader", "X-Project-Id": "p1"}
BASE = {"disk_format": "raw", "container_format": "bare", "visibility": "shared"}
OCTETS = {"Content-Type": "application/octet-stream"}
PROPERTY = {"title": "P", "type": "string"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzzed")


@pytest.fixture(scope="module")
def api(cluster, folder):
    """An API of its own, with the definitions that come with Glimpse, which are changed and deleted here."""
    asyncio.run(_execute(cluster, f"CREATE DATABASE {NAME} TEMPLATE {TEMPLATE}"))
    port, config = free_port(), folder / "glimpse.toml"
    text = CONFIG.format(dsn=f"{cluster}/{NAME}", port=port, folder=folder)
    config.write_text(text.replace("[auth]", '[auth]\nmode = "headers"'))
    filling = [sys.executable, "-m", "glimpse.cli", "metadefs", "fill", "--config", str(config)]
    subprocess.run(filling, check=True, capture_output=True, timeout=60)
    with started(config, folder / "log"):
        yield f"http://127.0.0.1:{port}"
    asyncio.run(_execute(cluster, f"DROP DATABASE {NAME} WITH (FORCE)"))


def made(url, path, body=None, method="POST", headers=None, **options):
    headers = {**ADMIN, **(headers or {})}
    answer = requests.request(method, f"{url}{path}", json=body, timeout=30, headers=headers, **options)
    assert answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


@pytest.fixture(scope="module")
def known(api):
    """Make some of everything, and return the names that paths can have."""
    url, images, tasks = api, [], []
    for number in range(40):
        image_id = made(url, "/v2/images", {**BASE, "name": f"image {number}", "tags": ["a"]})["id"]
        images.append(image_id)
        if number % 3:
            made(url, f"/v2/images/{image_id}/file", method="PUT", data=b"bytes" * number, headers=OCTETS)
        elif number % 2:
            made(url, f"/v2/images/{image_id}/stage", method="PUT", data=b"bytes" * number, headers=OCTETS)
            made(url, f"/v2/images/{image_id}/import", {"method": {"name": "glance-direct"}})
            tasks += [each["id"] for each in made(url, f"/v2/images/{image_id}/tasks", method="GET")["tasks"]]
        made(url, f"/v2/images/{image_id}/members", {"member": "p2"})
    names = [f"Fuzzed::{secrets.token_hex(4)}" for _ in range(20)]
    for name in names:
        body = {
            "namespace": name,
            "visibility": "public",
            "properties": {"p": PROPERTY},
            "objects": [{"name": "o", "properties": {"p": PROPERTY}}],
            "tags": [{"name": "a"}],
            "resource_type_associations": [{"name": "OS::Glance::Image"}],
        }
        made(url, "/v2/metadefs/namespaces", body)
    return {
        "image_id": images,
        "task_id": tasks,
        "tag": ["a", "b"],
        "member": ["p2", "p3"],
        "store": ["fast", "cheap"],
        "namespace": [*names, "OS::Compute::Libvirt"],
        "object": ["o"],
        "property": ["p"],
        "resource_type": ["OS::Glance::Image"],
    }


@pytest.mark.xdist_group("schemathesis")
@pytest.mark.timeout(SECONDS * 3 + 90)
@pytest.mark.parametrize("person", [ADMIN, MEMBER], ids=["an administrator", "a member"])
def test_nothing_that_is_made_up_breaks_it_or_has_an_answer_that_is_not_described(api, known, folder, tmp_path, person):
    words = [sys.executable, "-c", "from schemathesis.cli import schemathesis; schemathesis()"]
    words += ["run", f"{api}/openapi.json", "--no-color"]
    words += [word for name, value in person.items() for word in ("--header", f"{name}: {value}")]
    words += ["--checks", ",".join(CHECKS), "--warnings", "off", "--no-shrink", "--continue-on-failure"]
    words += ["--max-time", str(SECONDS if person is ADMIN else SECONDS // 2)]
    words += ["--seed", SEED, "--request-timeout", "30"]
    environment = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
        "PYTHONPATH": os.getcwd(),
        "SCHEMATHESIS_HOOKS": "tests.fixtures.schemathesis_hooks",
        "GLIMPSE_FUZZ_KNOWN": json.dumps(known),
    }
    done = subprocess.run(words, cwd=tmp_path, check=False, env=environment, capture_output=True, text=True)
    print(done.stdout[-3000:])
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    assert "request broke" not in (folder / "log").read_text()
