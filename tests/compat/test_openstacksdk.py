"""openstacksdk, which finds the service by its version document and sends what differs as patches."""

# IMG-683

import hashlib
import io
import random
import uuid

import openstack
import pytest
from openstack import exceptions

NOISE = random.Random(8).randbytes(1_000_000)

pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
"""The SDK's own, about what it calls in itself."""


@pytest.fixture(scope="module")
def image_service(url):
    with openstack.connection.Connection(auth_type="none", auth={"endpoint": url}) as connection:
        yield connection.image


@pytest.fixture
def create(image_service):
    """Make an image, with bytes if they are given; returns it."""

    def made(content=None, **members):
        members = {"name": f"sdk-{uuid.uuid4()}", "disk_format": "raw", "container_format": "bare"} | members
        image = image_service.create_image(data=content, **members)
        return image_service.get_image(image.id)

    return made


def test_the_service_is_found_at_its_version(url, image_service):  # IMG-685, IMG-37
    assert image_service.get_endpoint() == f"{url}/v2/"
    assert (image_service.get_api_major_version()[0], image_service.client_version) == (2, None)


def test_an_image_is_made_found_and_deleted(image_service, create):
    image = create(tags=["x"], min_disk=1, hw_disk_bus="virtio")
    assert (image.status, image.tags, image.min_disk, image.hw_disk_bus) == ("queued", ["x"], 1, "virtio")
    assert image_service.find_image(image.name).id == image.id
    image_service.delete_image(image.id)
    assert image_service.find_image(image.id) is None
    with pytest.raises(exceptions.NotFoundException, match=f"no image found with ID {image.id}"):
        image_service.get_image(image.id)


def test_bytes_go_in_and_come_out_verified(image_service, create, tmp_path):
    image = create(NOISE)
    assert (image.status, image.size, image.hash_value) == ("active", len(NOISE), hashlib.sha512(NOISE).hexdigest())
    assert image_service.download_image(image).content == NOISE
    streamed = image_service.download_image(image, stream=True)
    assert b"".join(streamed.iter_content(10_000)) == NOISE
    image_service.download_image(image, output=str(tmp_path / "image"))
    assert (tmp_path / "image").read_bytes() == NOISE


def test_an_image_is_made_of_a_stream(image_service):
    image = image_service.upload_image(container_format="bare", disk_format="raw", data=io.BytesIO(NOISE))
    assert image_service.download_image(image.id).content == NOISE


def test_only_what_differs_is_sent_back(image_service, create):
    image = create(b"bytes", hw_disk_bus="virtio", description="old")
    changed = image_service.update_image(image, name="renamed", min_ram=512, os_distro="debian")
    assert (changed.name, changed.min_ram, changed.os_distro, changed.hw_disk_bus) == (
        "renamed",
        512,
        "debian",
        "virtio",
    )
    again = image_service.update_image(image_service.get_image(image.id), visibility="private", is_hidden=True)
    assert (again.visibility, again.is_hidden) == ("private", True)
    assert image_service.update_image(image_service.get_image(image.id)).name == "renamed"


def test_lists_are_filtered_sorted_and_paged(image_service, create):
    tag = f"listed-{uuid.uuid4()}"
    made = [create(name=f"{tag}-{number}", tags=[tag]).id for number in range(5)]
    assert [image.id for image in image_service.images(tag=tag, limit=2, sort="created_at:asc")] == made
    assert [image.id for image in image_service.images(name=f"{tag}-2")] == [made[2]]


def test_tags_go_on_and_come_off(image_service, create):
    image = create(tags=["a"])
    image_service.add_tag(image, "b c")
    image_service.remove_tag(image, "a")
    assert image_service.get_image(image.id).tags == ["b c"]


def test_images_are_shared_and_accepted(image_service, create):
    image = create()
    assert image_service.add_member(image, member_id="p2").status == "pending"
    assert image_service.update_member("p2", image, status="accepted").status == "accepted"
    assert [member.member_id for member in image_service.members(image)] == ["p2"]
    assert image_service.get_member("p2", image).status == "accepted"
    image_service.remove_member("p2", image)
    assert list(image_service.members(image)) == []


def test_images_are_taken_out_of_use_and_put_back(image_service, create):
    image = create(b"bytes")
    image_service.deactivate_image(image)
    assert image_service.get_image(image.id).status == "deactivated"
    image_service.reactivate_image(image)
    assert image_service.get_image(image.id).status == "active"


def test_what_there_is_to_choose_from_is_shown(image_service):
    assert [(store.id, store.is_default) for store in image_service.stores()] == [("fast", True), ("cheap", None)]
    assert next(iter(image_service.stores(details=True))).properties["thin_provisioning"] is False
    assert "web-download" in image_service.get_import_info().import_methods["value"]
    for schema in (
        image_service.get_image_schema(),
        image_service.get_images_schema(),
        image_service.get_member_schema(),
        image_service.get_members_schema(),
        image_service.get_task_schema(),
        image_service.get_tasks_schema(),
    ):
        assert schema.properties


def test_an_import_is_asked_for_and_its_task_is_found(image_service, create):
    image = create()
    image_service.stage_image(image, data=b"staged")
    image_service.import_image(image, method="glance-direct", stores=["cheap"])
    (task,) = image_service.image_tasks(image)
    assert (task.type, task.status, task.input["backend"]) == ("api_image_import", "pending", ["cheap"])
    assert image_service.get_task(task.id).input == task.input


def test_a_task_of_the_older_kind_is_made_and_listed(image_service):
    made = image_service.create_task(type="location_import", input={})
    assert image_service.get_task(made.id).status == "failure"
    assert made.id in [task.id for task in image_service.tasks(limit=1)]


def test_the_last_copy_stays(image_service, create):
    image = create(b"bytes")
    with pytest.raises(exceptions.ForbiddenException, match="no other copy"):
        image_service.delete_image(image.id, store="fast")
