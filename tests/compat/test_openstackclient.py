"""The command `openstack`, by its own entry point; one process makes all calls, since its start takes a second."""

import json
import os
import random
import subprocess
import sys

import pytest
import requests

NOISE = random.Random(9).randbytes(500_000)

CALLER = """
import contextlib, io, json, os, pty

with os.fdopen(os.dup(0)) as asked:
    os.dup2(pty.openpty()[1], 0)  # what is no terminal is taken for the bytes of an image
    from openstackclient import shell

    for words in asked:
        said, complained = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(complained):
            status = shell.main(json.loads(words))
        print(json.dumps([status, said.getvalue(), complained.getvalue()]), flush=True)
"""


@pytest.fixture(scope="module")
def openstack(url, tmp_path_factory):
    """Run `openstack ...`; returns what it printed, read as JSON if that is asked for."""
    home = tmp_path_factory.mktemp("home")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "OS_AUTH_TYPE": "none", "OS_ENDPOINT": url}
    argv = [sys.executable, "-c", CALLER]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(argv, text=True, env=environment, **pipes) as caller:

        def run(*words, as_json=False):
            print(json.dumps([*words, *(["-f", "json"] if as_json else [])]), file=caller.stdin, flush=True)
            status, said, complained = json.loads(caller.stdout.readline())
            assert status == 0, complained
            return json.loads(said) if as_json else said

        yield run
        caller.stdin.close()


def test_the_life_of_an_image_from_the_command_line(openstack, tmp_path):
    disk, copy = tmp_path / "disk.raw", tmp_path / "copy.raw"
    disk.write_bytes(NOISE)
    made = openstack(
        *("image", "create", "plain", "--disk-format", "raw", "--container-format", "bare", "--file", str(disk)),
        *("--property", "hw_disk_bus=virtio", "--tag", "a", "--shared"),
        as_json=True,
    )
    assert (made["name"], made["properties"]["hw_disk_bus"], made["tags"]) == ("plain", "virtio", ["a"])
    (listed,) = openstack("image", "list", "--name", "plain", "--long", as_json=True)
    assert (listed["ID"], listed["Status"], listed["Size"]) == (made["id"], "active", len(NOISE))

    openstack(
        *("image", "set", "plain", "--property", "os_distro=debian", "--tag", "b", "--min-disk", "2"),
        *("--name", "renamed", "--hidden"),
    )
    openstack("image", "unset", made["id"], "--property", "hw_disk_bus", "--tag", "a")
    shown = openstack("image", "show", made["id"], as_json=True)
    assert (shown["name"], shown["min_disk"], shown["tags"]) == ("renamed", 2, ["b"])
    assert shown["properties"]["os_distro"] == "debian"
    assert "hw_disk_bus" not in shown["properties"]

    openstack("image", "save", "--file", str(copy), made["id"])
    assert copy.read_bytes() == NOISE
    for word, status in (("--deactivate", "deactivated"), ("--activate", "active")):
        openstack("image", "set", word, made["id"])
        assert openstack("image", "show", made["id"], as_json=True)["status"] == status
    openstack("image", "delete", made["id"])
    assert openstack("image", "list", "--name", "renamed", as_json=True) == []


def test_sharing_staging_and_looking_around_from_the_command_line(url, openstack, tmp_path):
    """`image add project` is left out: it looks the project up in an identity service, and there is none here."""
    image_id = openstack("image", "create", "shared", "--disk-format", "raw", "--shared", as_json=True)["id"]
    requests.post(f"{url}/v2/images/{image_id}/members", json={"member": "p2"}, timeout=60).raise_for_status()
    (member,) = openstack("image", "member", "list", image_id, as_json=True)
    assert (member["Member ID"], member["Status"]) == ("p2", "pending")

    staged = tmp_path / "staged.raw"
    staged.write_bytes(NOISE)
    openstack("image", "stage", "--file", str(staged), image_id)
    openstack("image", "import", image_id, "--method", "glance-direct", "--store", "cheap")
    shown = openstack("image", "show", image_id, as_json=True)
    assert (shown["status"], shown["properties"]["os_glance_importing_to_stores"]) == ("importing", "cheap")
    task, *_older = openstack("image", "task", "list", as_json=True)
    assert openstack("image", "task", "show", task["ID"], as_json=True)["type"] == task["Type"]

    assert [store["ID"] for store in openstack("image", "stores", "list", as_json=True)] == ["fast", "cheap"]
    assert "web-download" in openstack("image", "import", "info")


def test_metadata_definitions_from_the_command_line(openstack):
    openstack("image", "metadef", "namespace", "create", "OS::CommandLine", "--display-name", "d", "--public")
    definition = json.dumps({"enum": ["a", "b"], "default": "a"})
    made = openstack(
        *("image", "metadef", "property", "create", "OS::CommandLine", "--name", "p", "--title", "P"),
        *("--type", "string", "--schema", definition),
        as_json=True,
    )
    assert (made["name"], made["enum"]) == ("p", ["a", "b"])
    openstack("image", "metadef", "property", "set", "OS::CommandLine", "p", "--title", "Q")
    shown = openstack("image", "metadef", "property", "show", "OS::CommandLine", "p", as_json=True)
    assert (shown["title"], shown["default"]) == ("Q", "a")
    openstack("image", "metadef", "object", "create", "o", "--namespace", "OS::CommandLine")
    assert len(openstack("image", "metadef", "object", "list", "OS::CommandLine", as_json=True)) == 1
    openstack("image", "metadef", "object", "update", "OS::CommandLine", "o", "--name", "n")
    assert openstack("image", "metadef", "object", "show", "OS::CommandLine", "n", as_json=True)["name"] == "n"
    openstack("image", "metadef", "object", "delete", "OS::CommandLine", "n")
    listed = openstack("image", "metadef", "property", "list", "OS::CommandLine", as_json=True)
    assert [each["name"] for each in listed] == ["p"]
    openstack("image", "metadef", "property", "delete", "OS::CommandLine", "p")
    openstack("image", "metadef", "resource", "type", "association", "create", "OS::CommandLine", "OS::CLI")
    types = openstack("image", "metadef", "resource", "type", "list", as_json=True)
    assert "OS::CLI" in [each["Name"] for each in types]
    associated = ("image", "metadef", "resource", "type", "association")
    assert len(openstack(*associated, "list", "OS::CommandLine", as_json=True)) == 1
    openstack(*associated, "delete", "OS::CommandLine", "OS::CLI")
    openstack("image", "metadef", "namespace", "unset", "OS::CommandLine", "--all-tags")
    openstack("image", "metadef", "namespace", "set", "OS::CommandLine", "--display-name", "e", "--private")
    shown = openstack("image", "metadef", "namespace", "show", "OS::CommandLine", as_json=True)
    assert (shown["display_name"], shown["visibility"]) == ("e", "private")
    openstack("image", "metadef", "namespace", "delete", "OS::CommandLine")
    names = [each["namespace"] for each in openstack("image", "metadef", "namespace", "list", as_json=True)]
    assert "OS::CommandLine" not in names


def test_the_definitions_that_come_with_glimpse_from_the_command_line(openstack):
    listed = openstack("image", "metadef", "namespace", "list", as_json=True)
    assert "OS::Compute::Libvirt" in [each["namespace"] for each in listed]
    shown = openstack("image", "metadef", "namespace", "show", "OS::Compute::Libvirt", as_json=True)
    assert shown["visibility"] == "public"
    properties = openstack("image", "metadef", "property", "list", "OS::Compute::Libvirt", as_json=True)
    assert "boot_menu" in [each["name"] for each in properties]
    types = openstack("image", "metadef", "resource", "type", "list", as_json=True)
    assert "OS::Nova::Server" in [each["Name"] for each in types]
    quotas = ("OS::Compute::Quota", "CPU Limits", "quota:cpu_shares")
    names = [each["name"] for each in openstack("image", "metadef", "object", "list", quotas[0], as_json=True)]
    assert quotas[1] in names
    assert openstack("image", "metadef", "object", "property", "show", *quotas, as_json=True)["name"] == quotas[2]
