"""python-glanceclient, which asks for schemas and judges by them, and reads errors as HTML."""

# IMG-684

import io
import random
import uuid

import glanceclient
import pytest
from glanceclient import exc

NOISE = random.Random(7).randbytes(1_000_000)


@pytest.fixture(scope="module")
def client(url):
    return glanceclient.Client(endpoint=f"{url}/v2", token="anything")


@pytest.fixture
def create(client):
    """Make an image, with bytes if they are given; returns it."""

    def made(content=None, **members):
        image = client.images.create(**{"disk_format": "raw", "container_format": "bare"} | members)
        if content is not None:
            client.images.upload(image.id, io.BytesIO(content))
        return client.images.get(image.id)

    return made


@pytest.mark.filterwarnings("ignore:`version` keyword")
def test_the_endpoint_may_end_in_the_version_or_not(url):  # IMG-66
    for endpoint in (url, f"{url}/", f"{url}/v2", f"{url}/v2/"):
        schema = glanceclient.Client(endpoint=endpoint, token="x", version=2).schemas.get("image")
        assert schema.name == "image"


def test_an_image_is_made_changed_and_deleted(client, create):
    image = create(name="a", tags=["x"], hw_disk_bus="virtio")
    assert (image.status, image.name, image.tags, image.hw_disk_bus) == ("queued", "a", ["x"], "virtio")
    changed = client.images.update(image.id, remove_props=["hw_disk_bus"], name="b", os_distro="debian", min_disk=1)
    assert (changed.name, changed.os_distro, changed.min_disk) == ("b", "debian", 1)
    assert "hw_disk_bus" not in changed
    client.images.delete(image.id)
    with pytest.raises(exc.HTTPNotFound, match=f"no image found with ID {image.id}"):
        client.images.get(image.id)


def test_bytes_go_in_and_come_out_verified(client, create):
    image = create(NOISE)
    assert (image.status, image.size, image.stores) == ("active", len(NOISE), "fast")
    assert b"".join(client.images.data(image.id)) == NOISE  # raises unless os_hash_value is right
    stored = client.images.create(name="elsewhere", disk_format="raw", container_format="bare")
    client.images.upload(stored.id, io.BytesIO(NOISE), backend="cheap")
    assert client.images.get(stored.id).stores == "cheap"


def test_lists_are_filtered_sorted_and_paged(client, create):
    name = f"listed-{uuid.uuid4()}"
    made = [create(name=name, tags=["all", f"t{number}"]).id for number in range(5)]
    assert [image.id for image in client.images.list(filters={"name": name}, sort="created_at:asc")] == made
    paged = client.images.list(filters={"name": name}, page_size=2, sort_key="created_at", sort_dir="desc")
    assert [image.id for image in paged] == made[::-1]
    assert [image.id for image in client.images.list(filters={"tag": ["all", "t3"], "name": name})] == [made[3]]
    assert len(list(client.images.list(filters={"name": name}, limit=3))) == 3


def test_what_the_schema_forbids_is_not_even_sent(client, create):  # IMG-592, IMG-606
    schema = client.schemas.get("image")
    assert schema.is_base_property("name")
    assert not schema.is_base_property("kernel_id")
    with pytest.raises(TypeError, match="is not one of"):
        create(disk_format="floppy")
    with pytest.raises(TypeError, match="is not of type 'string'"):
        create(custom=5)


def test_what_the_service_forbids_is_told_in_words(client):
    with pytest.raises(exc.HTTPForbidden, match="reserved"):
        client.images.create(os_glance_x="y")
    image = client.images.create(protected=True)
    with pytest.raises(exc.HTTPForbidden, match="protected"):
        client.images.delete(image.id)
    with pytest.raises(exc.HTTPConflict, match="already exists"):
        client.images.create(id=image.id)


def test_tags_go_on_and_come_off(client, create):
    image = create(tags=["a"])
    client.image_tags.update(image.id, "b c")
    assert sorted(client.images.get(image.id).tags) == ["a", "b c"]
    client.image_tags.delete(image.id, "a")
    assert client.images.get(image.id).tags == ["b c"]


def test_images_are_shared_and_accepted(client, create):
    image = create()
    assert client.image_members.create(image.id, "p2").status == "pending"
    assert client.image_members.update(image.id, "p2", "accepted").status == "accepted"
    assert [(member.member_id, member.status) for member in client.image_members.list(image.id)] == [("p2", "accepted")]
    assert client.image_members.get(image.id, "p2").image_id == image.id
    client.image_members.delete(image.id, "p2")
    assert list(client.image_members.list(image.id)) == []


def test_images_are_taken_out_of_use_and_put_back(client, create):
    image = create(b"bytes")
    client.images.deactivate(image.id)
    assert client.images.get(image.id).status == "deactivated"
    client.images.reactivate(image.id)
    assert client.images.get(image.id).status == "active"


def test_what_there_is_to_choose_from_is_shown(client):
    assert [store["id"] for store in client.images.get_stores_info()["stores"]] == ["fast", "cheap"]
    assert client.images.get_stores_info_detail()["stores"][0]["type"] == "file"
    assert "web-download" in client.images.get_import_info()["import-methods"]["value"]
    assert client.info.get_usage() == {}
    assert {client.schemas.get(name).name for name in ("member", "task")} == {"member", "task"}


def test_an_import_is_asked_for_and_its_task_is_found(client, create):
    image = create()
    client.images.stage(image.id, io.BytesIO(b"staged"))
    client.images.image_import(image.id, "glance-direct", stores=["cheap"])
    assert client.images.get(image.id).os_glance_importing_to_stores == "cheap"
    (task,) = client.images.get_associated_image_tasks(image.id)["tasks"]
    assert (task["type"], task["status"]) == ("api_image_import", "pending")
    assert client.tasks.get(task["id"]).input["backend"] == ["cheap"]


def test_a_task_of_the_older_kind_is_made_and_listed(client):
    source = {"import_from": "http://127.0.0.1/a", "import_from_format": "raw", "image_properties": {"name": "x"}}
    with pytest.raises(exc.HTTPBadRequest, match="public address"):
        client.tasks.create(type="import", input=source)
    made = client.tasks.create(type="location_import", input={})
    assert client.tasks.get(made.id).status == "failure"
    assert made.id in [task.id for task in client.tasks.list(page_size=1)]


def test_the_last_copy_stays(client, create):
    image = create(b"bytes")
    with pytest.raises(exc.HTTPForbidden, match="no other copy"):
        client.images.delete_from_store("fast", image.id)
