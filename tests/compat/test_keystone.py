"""OpenStack's own clients with a real identity service: they find us in its catalogue, and each may do what is theirs.

The SDK takes the text of a refused download for bytes that are damaged, so that download is made by hand.
"""

import hashlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import glanceclient
import openstack
import pytest
from glanceclient import exc
from keystoneauth1 import session
from keystoneauth1.identity import v3
from openstack import exceptions

from tests.fixtures.keystone import PEOPLE

CONTENT = b"bytes of a disk " * 4096

pytestmark = [
    pytest.mark.filterwarnings("ignore::PendingDeprecationWarning"),
    pytest.mark.usefixtures("known_to_keystone"),
]


def credentials(keystone, name):
    return {
        "auth_url": keystone.url,
        "username": name,
        "password": name,
        "project_name": "admin" if name == "admin" else PEOPLE[name][0],
        "user_domain_name": "Default",
        "project_domain_name": "Default",
    }


@pytest.fixture
def sdk(keystone):
    """Return the image service as somebody sees it: `sdk("ann")`."""
    connections = []

    def connected(name):
        connection = openstack.connection.Connection(
            auth_type="password", auth=credentials(keystone, name), region_name="here"
        )
        connections.append(connection)
        return connection.image

    yield connected
    for connection in connections:
        connection.close()


@pytest.mark.rule("AC-60")
def test_we_are_found_in_the_catalogue(sdk, known_to_keystone):
    assert sdk("ann").get_endpoint() == f"{known_to_keystone}/v2/"


@pytest.mark.rule("AC-10", "AC-13")
def test_members_work_readers_read_and_another_project_sees_nothing(sdk):
    ann, rob, bea, admin = (sdk(name) for name in ("ann", "rob", "bea", "admin"))
    image = ann.create_image("ours", data=CONTENT, disk_format="raw", container_format="bare", visibility="private")
    assert (ann.get_image(image.id).status, ann.get_image(image.id).hash_value) == (
        "active",
        hashlib.sha512(CONTENT).hexdigest(),
    )
    assert rob.get_image(image.id).name == "ours"
    assert rob.get(f"/images/{image.id}/file").status_code == 403
    with pytest.raises(exceptions.ForbiddenException):
        rob.update_image(image.id, name="mine")
    with pytest.raises(exceptions.ForbiddenException):
        rob.delete_image(image.id)
    with pytest.raises(exceptions.NotFoundException):
        bea.get_image(image.id)
    assert image.id not in [each.id for each in bea.images()]
    with pytest.raises(exceptions.ForbiddenException):
        ann.update_image(image.id, visibility="public")
    admin.update_image(image.id, visibility="public")
    assert bea.download_image(image.id).content == CONTENT
    with pytest.raises(exceptions.ForbiddenException):
        bea.update_image(image.id, name="mine")
    ann.delete_image(image.id)
    with pytest.raises(exceptions.NotFoundException):
        bea.get_image(image.id)


@pytest.mark.rule("AC-10")
def test_an_image_is_shared_with_another_project(sdk, keystone):
    ann, bea = sdk("ann"), sdk("bea")
    image = ann.create_image("shared", data=CONTENT, disk_format="raw", container_format="bare")
    ann.add_member(image.id, member_id=keystone.projects["blue"])
    with pytest.raises(exceptions.ForbiddenException):
        ann.update_member(keystone.projects["blue"], image.id, status="accepted")
    assert image.id not in [each.id for each in bea.images()]
    bea.update_member(keystone.projects["blue"], image.id, status="accepted")
    assert image.id in [each.id for each in bea.images()]
    assert bea.download_image(image.id).content == CONTENT
    ann.remove_member(keystone.projects["blue"], image=image.id, ignore_missing=False)
    with pytest.raises(exceptions.NotFoundException):
        bea.get_image(image.id)


@pytest.mark.rule("AC-10", "AC-69")
def test_a_service_sees_what_services_may_see(sdk):
    nova = sdk("nova")
    assert nova.get("/info/stores/detail").status_code == 200
    assert sdk("ann").get("/info/stores/detail").status_code == 403
    with pytest.raises(exceptions.ForbiddenException):
        list(nova.images())


def test_the_older_client_works_with_a_session_of_keystone(keystone):
    def client(name):
        return glanceclient.Client("2", session=session.Session(auth=v3.Password(**credentials(keystone, name))))

    ann = client("ann")
    image = ann.images.create(name="older", disk_format="raw", container_format="bare")
    ann.images.upload(image["id"], io.BytesIO(CONTENT))
    assert b"".join(ann.images.data(image["id"])) == CONTENT
    with pytest.raises(exc.HTTPNotFound):
        client("bea").images.get(image["id"])


def test_the_command_line_works_with_a_password(keystone):
    environment = {f"OS_{name.upper()}": value for name, value in credentials(keystone, "ann").items()}
    said = subprocess.run(
        [Path(sys.executable).with_name("openstack"), "image", "create", "typed", "-f", "json"],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", "OS_IDENTITY_API_VERSION": "3", **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["owner"] == keystone.projects["red"]
