"""The catalogue of metadata definitions for python-glanceclient: its library, and its own command."""

import json
import os
import subprocess
import sys

import glanceclient
import pytest
from glanceclient import exc

PROPERTY = {"title": "Cores", "type": "integer"}


@pytest.fixture(scope="module")
def client(url):
    return glanceclient.Client(endpoint=f"{url}/v2", token="anything")


@pytest.fixture
def namespace(client):
    """A namespace with something of everything in it."""
    client.metadefs_namespace.create(
        namespace="OS::Compat",
        display_name="Compat",
        visibility="public",
        protected=False,
        resource_type_associations=[{"name": "OS::Glance::Image", "prefix": "hw_"}],
        properties={"cores": PROPERTY},
        objects=[{"name": "CPU Limits", "required": ["a"], "properties": {"a": PROPERTY}}],
        tags=[{"name": "old"}],
    )
    yield "OS::Compat"
    client.metadefs_namespace.delete("OS::Compat")


@pytest.mark.rule("MD-94", "MD-44")
def test_namespaces(client, namespace):
    made = client.metadefs_namespace.get(namespace)
    assert (made.owner, made.visibility, list(made.properties)) == ("local", "public", ["cores"])
    prefixed = client.metadefs_namespace.get(namespace, resource_type="OS::Glance::Image")
    assert list(prefixed.properties) == ["hw_cores"]
    updated = client.metadefs_namespace.update(namespace, display_name="Another", namespace="OS::Renamed")
    assert (updated.namespace, updated.display_name, list(updated.properties)) == ("OS::Renamed", "Another", ["cores"])
    client.metadefs_namespace.update("OS::Renamed", namespace=namespace)
    with pytest.raises(exc.HTTPConflict, match="already exists"):
        client.metadefs_namespace.create(namespace=namespace)
    with pytest.raises(exc.HTTPNotFound):
        client.metadefs_namespace.get("OS::Nobody")


@pytest.mark.rule("MD-94", "MD-37")
def test_namespaces_are_listed_in_pages(client):
    names = [f"Page::{number:02}" for number in range(25)]
    for name in names:
        client.metadefs_namespace.create(namespace=name, resource_type_associations=[{"name": "OS::Page"}])
    try:
        for page_size in (4, 5, None):
            filters = {"resource_types": ["OS::Page", "OS::Nobody"]}
            found = client.metadefs_namespace.list(
                sort_key="namespace", sort_dir="asc", page_size=page_size, filters=filters
            )
            assert [each.namespace for each in found] == names
    finally:
        for name in names:
            client.metadefs_namespace.delete(name)


def test_resource_types(client, namespace):
    client.metadefs_resource_type.associate(namespace, name="OS::Nova::Flavor", prefix="hw:")
    found = {each.name: each.get("prefix") for each in client.metadefs_resource_type.get(namespace)}
    assert found == {"OS::Glance::Image": "hw_", "OS::Nova::Flavor": "hw:"}
    assert {"OS::Glance::Image", "OS::Nova::Flavor"} <= {each.name for each in client.metadefs_resource_type.list()}
    client.metadefs_resource_type.deassociate(namespace, "OS::Nova::Flavor")
    assert [each.name for each in client.metadefs_resource_type.get(namespace)] == ["OS::Glance::Image"]


@pytest.mark.rule("MD-94")
def test_properties(client, namespace):
    made = client.metadefs_property.create(namespace, name="p", title="P", type="string", enum=["a"], default="a")
    assert (made.name, made.default) == ("p", "a")
    updated = client.metadefs_property.update(namespace, "p", name="q", title="Q", readonly=True)
    assert (updated.name, updated.title, updated.enum, updated.readonly) == ("q", "Q", ["a"], True)
    assert client.metadefs_property.update(namespace, "cores", minimum=1).minimum == 1  # it came with its namespace
    assert {each.name for each in client.metadefs_property.list(namespace)} == {"cores", "q"}
    client.metadefs_property.delete(namespace, "q")
    client.metadefs_property.delete_all(namespace)
    assert list(client.metadefs_property.list(namespace)) == []


@pytest.mark.rule("MD-94")
def test_objects(client, namespace):
    client.metadefs_object.create(namespace, name="o", properties={"a": PROPERTY})
    updated = client.metadefs_object.update(namespace, "CPU Limits", name="Limits", description="Changed.")
    assert (updated.name, updated.description, updated.required) == ("Limits", "Changed.", ["a"])
    assert [each.name for each in client.metadefs_object.list(namespace)] == ["Limits", "o"]
    client.metadefs_object.delete(namespace, "o")
    client.metadefs_object.delete_all(namespace)
    assert list(client.metadefs_object.list(namespace)) == []


@pytest.mark.rule("MD-94", "MD-82")
def test_tags(client, namespace):
    client.metadefs_tag.create(namespace, "one")
    assert client.metadefs_tag.update(namespace, "one", name="uno").name == "uno"
    assert {each.name for each in client.metadefs_tag.list(namespace)} == {"old", "uno"}
    made = client.metadefs_tag.create_multiple(namespace, tags=["c"])  # with `append=True` this client only breaks
    assert [each.name for each in made] == ["c"]
    assert [each.name for each in client.metadefs_tag.list(namespace)] == ["c"]
    client.metadefs_tag.delete(namespace, "c")
    client.metadefs_tag.delete_all(namespace)
    assert list(client.metadefs_tag.list(namespace)) == []


@pytest.mark.rule("MD-25")
def test_what_is_protected_is_not_deleted(client):
    client.metadefs_namespace.create(namespace="OS::Protected", protected=True)
    with pytest.raises(exc.HTTPForbidden, match="is protected and cannot be deleted"):
        client.metadefs_namespace.delete("OS::Protected")
    client.metadefs_namespace.update("OS::Protected", protected=False, visibility="private")
    client.metadefs_namespace.delete("OS::Protected")


@pytest.mark.rule("MD-94", "MD-110")
def test_the_definitions_that_come_with_glimpse(client):
    listed = {each.namespace for each in client.metadefs_namespace.list()}
    assert len([name for name in listed if name.startswith(("OS::", "CIM::"))]) >= 33
    for name in sorted(listed):
        shown = client.metadefs_namespace.get(name)
        assert {each.name for each in client.metadefs_property.list(name)} == set(shown.get("properties", {}))
        assert [each.name for each in client.metadefs_object.list(name)] == [
            each["name"] for each in shown.get("objects", [])
        ]
        assert len(list(client.metadefs_tag.list(name))) == len(shown.get("tags", []))
        for each in client.metadefs_resource_type.get(name):
            assert client.metadefs_namespace.get(name, resource_type=each.name).namespace == name


@pytest.mark.rule("MD-94", "MD-44")
def test_what_was_shown_can_be_sent_back(client):
    """As the client itself does it: it reads what there is, changes one thing, and sends all of it."""
    name = "OS::Compute::VMware"
    before = client.metadefs_namespace.get(name)
    updated = client.metadefs_namespace.update(name, description="Changed.")
    assert (updated.description, updated.properties) == ("Changed.", before.properties)
    client.metadefs_namespace.update(name, description=before.description)
    for each in list(client.metadefs_property.list(name)):
        after = client.metadefs_property.update(name, each.name, title=each.title)
        times = ("created_at", "updated_at")
        assert {key: after[key] for key in after if key not in times} == {
            key: each[key] for key in each if key not in times
        }


def test_its_own_command(url, tmp_path):
    def glance(*words):
        argv = [sys.executable, "-c", "from glanceclient.shell import main; main()"]
        argv += ["--os-image-url", url, "--os-auth-token", "anything", *words]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
        done = subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout

    file = tmp_path / "namespace.json"
    file.write_text(json.dumps({"namespace": "OS::Imported", "properties": {"cores": PROPERTY}, "tags": []}))
    assert "OS::Imported" in glance("md-namespace-import", "--file", str(file))
    definition = ("--name", "p", "--title", "P", "--type", "string", "--schema", json.dumps({"enum": ["x"]}))
    glance("md-property-create", "OS::Imported", *definition)
    glance("md-tag-create-multiple", "OS::Imported", "--names", "a,b")
    shown = glance("md-namespace-show", "OS::Imported")
    assert "local" in shown
    assert "OS::Imported" in glance("md-namespace-list")
    glance("md-namespace-delete", "OS::Imported")
    assert "OS::Imported" not in glance("md-namespace-list")
