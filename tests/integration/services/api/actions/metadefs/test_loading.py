"""Definitions from files into the catalogue, and back into files."""

import asyncio
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings

from glimpse.errors import Invalid
from schemas import metadefs
from services.api import definition_files
from services.api.actions.metadefs import contents, exporting, loading
from services.api.actions.metadefs.loading import Manner, Outcome
from services.api.queries.metadefs import namespaces, resource_types
from tests.fixtures.definitions import catalogues

PROPERTY = {"title": "P", "type": "string"}
TYPES = {
    "Img": "OS::Glance::Image",
    "Vol": "OS::Cinder::Volume",
    "Flv": "OS::Nova::Flavor",
    "Agg": "OS::Nova::Aggregate",
    "Srv": "OS::Nova::Server",
    "Trv": "OS::Trove::Instance",
}


@pytest.fixture
def load(database, tmp_path):
    """Load a file that has something in it; returns the line that is reported."""

    async def loaded(content, how=Manner.KEEP, name="file.json"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return await loading.load(database, path, how)

    return loaded


async def catalogue(database):
    """Return everything in the catalogue as files would have it, by namespace, and its owners."""
    async with database.snapshot() as reader:
        found = [(each, await contents.read(reader, each)) for each in await namespaces.list_all(reader)]
    return {each.namespace: definition_files.document(each, inside) for each, inside in found}


async def one(database, query):
    async with database.reading() as reader:
        return await reader.fetchval(query)


async def told(database):
    async with database.reading() as reader:
        rows = await reader.fetch("SELECT type FROM outbox ORDER BY seq")
    return [row["type"].removeprefix("io.glimpse.metadef.").removesuffix(".v1") for row in rows]


SHIPPED = [
    # namespace; its properties, its objects, and the properties in those; what it is for, as the contract writes it
    (
        "CIM::ProcessorAllocationSettingData",
        3,
        0,
        0,
        "Vol[CIM_PASD_]{image} Img[CIM_PASD_] Agg[CIM_PASD_] Flv[CIM_PASD_] Srv{scheduler_hints}",
    ),  # MD-111
    ("CIM::ResourceAllocationSettingData", 19, 0, 0, "Vol[CIM_RASD_]{image} Agg[CIM_RASD_] Flv[CIM_RASD_]"),
    ("CIM::StorageAllocationSettingData", 13, 0, 0, "Vol[CIM_SASD_] Agg[CIM_SASD_] Flv[CIM_SASD_]"),
    ("CIM::VirtualSystemSettingData", 17, 0, 0, "Agg[CIM_VSSD_] Flv[CIM_VSSD_]"),
    ("OS::Compute::AggregateDiskFilter", 1, 0, 0, "Agg"),
    ("OS::Compute::AggregateIoOpsFilter", 1, 0, 0, "Agg"),
    ("OS::Compute::AggregateNumInstancesFilter", 1, 0, 0, "Agg"),
    ("OS::Compute::CPUMode", 1, 0, 0, "Img[hw_] Flv[hw:]"),
    ("OS::Compute::CPUPinning", 2, 0, 0, "Img[hw_] Vol[hw_]{image} Flv[hw:]"),
    ("OS::Compute::GuestMemoryBacking", 1, 0, 0, "Flv[hw:] Img[hw_] Vol[hw_]{image}"),
    ("OS::Compute::GuestShutdownBehavior", 1, 0, 0, "Img"),
    ("OS::Compute::HostCapabilities", 7, 0, 0, "Flv[capabilities:] Agg[aggregate_instance_extra_specs:]"),
    ("OS::Compute::Hypervisor", 2, 0, 0, "Img"),
    ("OS::Compute::InstanceData", 2, 0, 0, "Img Vol{image}"),
    ("OS::Compute::LibvirtImage", 17, 0, 0, "Img"),
    ("OS::Compute::Libvirt", 5, 0, 0, "Img[hw_] Flv[hw:]"),
    ("OS::Compute::Quota", 0, 3, 15, "Flv"),
    ("OS::Compute::RandomNumberGenerator", 3, 0, 0, "Flv"),
    ("OS::Compute::VirtCPUTopology", 6, 0, 0, "Img[hw_] Vol[hw_]{image} Flv[hw:]"),
    ("OS::Compute::VMwareFlavor", 2, 0, 0, "Flv"),
    ("OS::Compute::VMwareQuotaFlavor", 2, 0, 0, "Flv"),
    ("OS::Compute::VMware", 6, 0, 0, "Img"),
    ("OS::Compute::TPM", 2, 0, 0, "Flv[hw:] Img[hw_]"),
    ("OS::Compute::VTPM", 2, 0, 0, "Flv[traits:] Img[traits:]"),
    ("OS::Compute::Watchdog", 1, 0, 0, "Img[hw_] Vol[hw_]{image} Flv[hw:]"),
    ("OS::Compute::XenAPI", 1, 0, 0, "Img"),
    ("OS::Glance::CommonImageProperties", 10, 0, 0, ""),
    ("OS::Glance::Signatures", 4, 0, 0, "Img"),
    ("OS::OperatingSystem", 3, 0, 0, "Img Vol{image}"),
    ("OS::Software::DBMS", 0, 12, 34, "Img Vol{image} Srv{metadata} Trv"),
    ("OS::Software::Runtimes", 0, 5, 5, "Img Vol{image} Srv{metadata}"),
    ("OS::Software::WebServers", 0, 3, 9, "Img Vol{image} Srv{metadata}"),
    ("OS::Cinder::Volumetype", 1, 0, 0, "Img[cinder_]"),
]
WITHOUT_VISIBILITY = {"OS::Glance::CommonImageProperties", "OS::OperatingSystem"}
UNPROTECTED = {"OS::Compute::AggregateNumInstancesFilter", "OS::Compute::CPUMode", "OS::Glance::Signatures"}


@pytest.mark.rule("MD-110", "MD-111", "MD-112", "MD-95")
async def test_glimpse_brings_definitions_that_clients_know(database):
    assert await loading.fill_once(database) == len(SHIPPED)
    found = await catalogue(database)
    assert {name: _shape(each) for name, each in found.items()} == {
        name: (*counts, _associations(text)) for name, *counts, text in SHIPPED
    }
    assert {name for name, each in found.items() if each["visibility"] != "public"} == WITHOUT_VISIBILITY
    assert {name for name, each in found.items() if not each["protected"]} == UNPROTECTED
    assert len({each["display_name"] for each in found.values()}) == len(SHIPPED)
    assert await one(database, "SELECT array_agg(DISTINCT owner) FROM metadef_namespaces") == ["admin"]  # MD-104
    assert await one(database, "SELECT count(*) FROM metadef_tags") == 0
    async with database.reading() as reader:
        types = await resource_types.list_all(reader)
    assert {each.name for each in types} == set(TYPES.values())


def _shape(each):
    inside = sum(len(found["properties"]) for found in each["objects"])
    associations = {
        found["name"]: (found["prefix"], found["properties_target"]) for found in each["resource_type_associations"]
    }
    return (len(each["properties"]), len(each["objects"]), inside, associations)


def _associations(text):
    """Read `Img[prefix]{target}` and the like."""
    found = re.findall(r"(\w+)(?:\[(\S+?)\])?(?:\{(\w+)\})?(?: |$)", text)
    return {TYPES[short]: (prefix or None, target or None) for short, prefix, target in found}


async def test_a_catalogue_is_filled_by_itself_once_for_all(database, load):
    await load({"namespace": "OS::Compute::CPUMode", "description": "mine"})
    filled = await asyncio.gather(*(loading.fill_once(database) for _ in range(3)))
    assert sorted(filled) == [0, 0, len(SHIPPED) - 1]
    assert (await catalogue(database))["OS::Compute::CPUMode"]["description"] == "mine"
    await loading.unload(database)
    assert await loading.fill_once(database) == 0  # who unloaded it is rid of it
    assert await catalogue(database) == {}


@pytest.mark.rule("MD-104")
async def test_what_a_file_does_not_say_is_unknown_and_what_it_brings_was_never_updated(database, load):
    line = await load({"namespace": "n", "resource_type_associations": [{"name": "T"}], "tags": [{"name": "t"}]})
    assert (line.outcome, line.namespace, line.detail) == (Outcome.ADDED, "n", "1 association, 1 tag")
    async with database.reading() as reader:
        found = await namespaces.find(reader, "n")
    assert (found.owner, found.visibility, found.protected, found.updated_at) == ("admin", None, None, None)
    assert found.created_at is not None
    for table in ("associations", "tags", "resource_types"):
        assert await one(database, f"SELECT updated_at FROM metadef_{table}") is None
    assert await one(database, "SELECT is_loaded FROM metadef_resource_types")
    assert await told(database) == ["namespace.created", "association.created", "tag.created"]


NEW = {
    "namespace": "n",
    "description": "new",
    "owner": "p9",
    "resource_type_associations": [{"name": "A", "prefix": "new_"}, {"name": "B"}],
    "properties": {"a": {"title": "new", "type": "integer"}, "b": PROPERTY},
    "objects": [{"name": "a", "properties": {"x": PROPERTY}}, {"name": "b"}],
    "tags": [{"name": "a"}, {"name": "b"}],
}
OLD = {
    "namespace": "n",
    "display_name": "old",
    "description": "old",
    "visibility": "public",
    "protected": True,
    "resource_type_associations": [{"name": "A", "prefix": "old_", "properties_target": "t"}, {"name": "O"}],
    "properties": {"a": {"title": "old", "type": "string"}, "o": PROPERTY},
    "objects": [{"name": "a", "description": "old", "properties": {}}, {"name": "o"}],
    "tags": [{"name": "a"}, {"name": "o"}],
}


def _says(each):
    """Tell what of a namespace is old and what is new, in few words."""
    return {
        "own": (each["display_name"], each["description"], each["visibility"], each["protected"]),
        "associations": {found["name"]: found["prefix"] for found in each["resource_type_associations"]},
        "properties": {name: found["title"] for name, found in each["properties"].items()},
        "objects": {found["name"]: (found["description"], list(found["properties"])) for found in each["objects"]},
        "tags": [found["name"] for found in each["tags"]],
    }


AS_IT_WAS = {
    "own": ("old", "old", "public", True),
    "associations": {"A": "old_", "O": None},
    "properties": {"a": "old", "o": "P"},
    "objects": {"a": ("old", []), "o": (None, [])},
    "tags": ["a", "o"],
}
FILLED_UP = {
    "own": ("old", "old", "public", True),
    "associations": {"A": "old_", "O": None, "B": None},
    "properties": {"a": "old", "o": "P", "b": "P"},
    "objects": {"a": ("old", []), "o": (None, []), "b": (None, [])},
    "tags": ["a", "o", "b"],
}
RENEWED = {
    "own": (None, "new", None, None),
    "associations": {"A": "new_", "O": None, "B": None},
    "properties": {"a": "new", "o": "P", "b": "P"},
    "objects": {"a": (None, ["x"]), "o": (None, []), "b": (None, [])},
    "tags": ["a", "o", "b"],
}
REPLACED = {
    "own": (None, "new", None, None),
    "associations": {"A": "new_", "B": None},
    "properties": {"a": "new", "b": "P"},
    "objects": {"a": (None, ["x"]), "b": (None, [])},
    "tags": ["a", "b"],
}
MANNERS = [
    (Manner.KEEP, Outcome.SKIPPED, AS_IT_WAS, "it is there already"),
    (Manner.MERGE, Outcome.UPDATED, FILLED_UP, "added 1 association, 1 object, 1 tag, 1 property"),
    (
        Manner.PREFER_NEW,
        Outcome.UPDATED,
        RENEWED,
        "added 1 association, 1 object, 1 tag, 1 property; updated 1 association, 1 object, 1 tag, 1 property",
    ),
    (Manner.OVERWRITE, Outcome.UPDATED, REPLACED, "replaced by 2 associations, 2 objects, 2 tags, 2 properties"),
]


@pytest.mark.rule("MD-103")
@pytest.mark.parametrize(("how", "outcome", "after", "detail"), MANNERS)
async def test_what_is_there_already_is_kept_filled_up_renewed_or_replaced(database, load, how, outcome, after, detail):
    await load(OLD)
    line = await load(NEW, how)
    assert (line.outcome, line.detail) == (outcome, detail)
    (found,) = (await catalogue(database)).values()
    assert _says(found) == after
    owner = await one(database, "SELECT owner FROM metadef_namespaces")
    assert owner == ("admin" if after["own"][1] == "old" else "p9")


@pytest.mark.rule("MD-103")
@pytest.mark.parametrize("how", list(Manner))
async def test_what_is_not_there_is_added_in_every_manner(database, load, how):
    assert (await load(NEW, how)).outcome is Outcome.ADDED
    (found,) = (await catalogue(database)).values()
    assert _says(found) == REPLACED


OPTIONS = [
    # merge, prefer_new, overwrite, the manner; None where they make no sense
    (False, False, False, Manner.KEEP),
    (False, True, False, None),
    (False, True, True, None),
    (False, False, True, None),
    (True, True, True, None),
    (True, False, False, Manner.MERGE),
    (True, True, False, Manner.PREFER_NEW),
    (True, False, True, Manner.OVERWRITE),
]


@pytest.mark.rule("MD-103")
@pytest.mark.parametrize(("merge", "prefer_new", "overwrite", "how"), OPTIONS)
def test_options_make_sense_together_or_are_refused(merge, prefer_new, overwrite, how):
    options = {"merge": merge, "prefer_new": prefer_new, "overwrite": overwrite}
    if how is None:
        with pytest.raises(Invalid):
            loading.manner(**options)
    else:
        assert loading.manner(**options) is how


@pytest.mark.rule("MD-103")
async def test_a_merge_that_finds_everything_there_changes_nothing(database, load):
    await load(OLD)
    before = await told(database)
    line = await load(OLD, Manner.MERGE)
    assert (line.outcome, line.detail) == (Outcome.SKIPPED, "everything in it is there already")
    assert await told(database) == before


@pytest.mark.rule("MD-103", "MD-104")
async def test_what_is_renewed_is_updated_and_what_objects_require_stays(database, load):
    await load(OLD)
    async with database.transaction() as tx:
        await tx.execute("""UPDATE metadef_objects SET required = '["r"]' WHERE name = 'a'""")
    before = len(await told(database))
    await load(NEW, Manner.PREFER_NEW)
    for table in ("namespaces", "resource_types", "tags", "properties", "objects"):
        column = "namespace" if table == "namespaces" else "name"
        query = f"SELECT array_agg({column}) FROM metadef_{table} WHERE updated_at IS NOT NULL"
        assert await one(database, query) == {"namespaces": ["n"], "resource_types": ["A"]}.get(table, ["a"]), table
    assert json.loads(await one(database, "SELECT required::text FROM metadef_objects WHERE name = 'a'")) == ["r"]
    facts = await told(database)
    assert sorted(facts[before:]) == sorted(
        ["namespace.updated"]
        + [f"{kind}.{verb}" for kind in ("association", "object", "tag", "property") for verb in ("created", "updated")]
    )


@pytest.mark.rule("MD-103")
async def test_what_is_replaced_is_told_as_gone_and_made(database, load):
    await load(OLD)
    before = len(await told(database))
    await load({"namespace": "n"}, Manner.OVERWRITE)
    assert (await told(database))[before:] == ["namespace.deleted", "namespace.created"]


BAD = [
    b"",
    b"no json",
    b"[]",
    b'{"namespace": "\xff"}',
    {},
    {"namespace": None},
    {"namespace": ""},
    {"namespace": "n" * 81},
    {"namespace": "a\0b"},
    {"namespace": "n", "tags": [{"nam": "t"}]},  # MD-107, and below
    {"namespace": "n", "objects": [{"description": "no name"}]},
    {"namespace": "n", "resource_type_associations": [{"prefix": "x"}]},
    {"namespace": "n", "visibility": "shared"},
    {"namespace": "n", "protected": "yes"},
    {"namespace": "n", "description": "d" * 501},  # no client could read it (MD-90)
    {"namespace": "n", "properties": {"p": {"type": "string"}}},
    {"namespace": "n", "properties": {"p": {**PROPERTY, "unknown": 1}}},
    {"namespace": "n", "properties": [PROPERTY]},
    {"namespace": "n", "properties": {"p" * 81: PROPERTY}},
    {"namespace": "n", "objects": [{"name": "o", "properties": {"p": {**PROPERTY, "default": "\0"}}}]},
]


@pytest.mark.rule("MD-107", "MD-101")
async def test_a_file_that_can_not_be_loaded_is_said_to_be_so_and_leaves_nothing(database, load):
    for content in BAD:
        line = await load(content)
        assert line.outcome is Outcome.FAILED, content
        assert line.detail
    assert await catalogue(database) == {}
    assert await told(database) == []


@pytest.mark.rule("MD-107", "MD-102", "MD-105")
async def test_what_a_file_has_too_much_or_too_little_of_is_no_matter(database, load):
    content = {
        "namespace": "n",
        "comment": "of no interest",
        "objects": [{"name": "o", "required": ["not read"]}, {"name": "o", "description": "the second"}],
        "tags": [{"name": "t", "colour": "red"}, {"name": "t"}],
        "resource_type_associations": [{"name": "T", "prefix": "first"}, {"name": "T", "prefix": "second"}],
        "properties": None,
    }
    assert (await load(b"\xef\xbb\xbf" + json.dumps(content).encode())).outcome is Outcome.ADDED
    (found,) = (await catalogue(database)).values()
    assert found["objects"] == [{"name": "o", "description": None, "properties": {}}]
    assert found["tags"] == [{"name": "t"}]
    assert [each["prefix"] for each in found["resource_type_associations"]] == ["first"]
    assert await one(database, "SELECT required::text FROM metadef_objects") == "[]"


@pytest.mark.rule("MD-106")
async def test_unloading_empties_everything_protected_or_not(database, load):
    await load(OLD)
    await load({"namespace": "m", "protected": True}, name="other.json")
    assert await loading.unload(database) == ["n", "m"]
    for table in ("namespaces", "resource_types", "associations", "objects", "properties", "tags"):
        assert await one(database, f"SELECT count(*) FROM metadef_{table}") == 0
    assert (await told(database))[-2:] == ["namespace.deleted"] * 2
    assert await loading.unload(database) == []


async def export(database, folder):
    return [line async for line in exporting.export(database, folder)]


@pytest.mark.rule("MD-108")
async def test_an_export_has_a_file_for_each_namespace(database, load, tmp_path):
    await load(OLD)
    await load({"namespace": "OS::No::Name", "properties": {"p": PROPERTY}}, name="other.json")
    await load({"namespace": "second", "display_name": "o-l-d!"}, name="third.json")
    folder = tmp_path / "new" / "folder"
    lines = await export(database, folder)
    assert [(line.namespace, line.outcome, line.file) for line in lines] == [
        ("n", Outcome.WRITTEN, str(folder / "old.json")),
        ("OS::No::Name", Outcome.WRITTEN, str(folder / "OSNoName.json")),
        ("second", Outcome.WRITTEN, str(folder / "second.json")),  # another has taken old.json
    ]
    assert sorted(path.name for path in folder.iterdir()) == ["OSNoName.json", "old.json", "second.json"]
    assert json.loads((folder / "OSNoName.json").read_bytes()) == {
        "namespace": "OS::No::Name",
        "display_name": None,
        "description": None,
        "visibility": None,
        "protected": None,
        "resource_type_associations": [],
        "properties": {"p": PROPERTY},
        "objects": [],
        "tags": [],
    }
    assert {line.detail for line in await export(database, folder)} == {"over an older file"}


@pytest.mark.rule("MD-108")
async def test_a_file_that_can_not_be_written_does_not_keep_others_from_it(database, load, tmp_path):
    await load(OLD)
    await load({"namespace": "m"}, name="other.json")
    (tmp_path / "out" / "old.json").mkdir(parents=True)
    lines = await export(database, tmp_path / "out")
    assert [line.outcome for line in lines] == [Outcome.FAILED, Outcome.WRITTEN]
    (tmp_path / "file").touch()
    with pytest.raises(Invalid, match="can not be made"):
        await export(database, tmp_path / "file")


def _expected(file):
    """Return what an export says of a file that was loaded."""
    checked = metadefs.FILE.checked(file)
    empty = {"prefix": None, "properties_target": None}
    return {
        **{name: checked.get(name) for name in ("namespace", "display_name", "description", "visibility", "protected")},
        "resource_type_associations": [empty | each for each in checked.get("resource_type_associations", [])],
        "properties": checked.get("properties", {}),
        "objects": [
            {"name": each["name"], "description": each.get("description"), "properties": each.get("properties") or {}}
            for each in checked.get("objects", [])
        ],
        "tags": checked.get("tags", []),
    }


def _in_any_order(found):
    """Leave the order of associations out: it is that of the resource types, which others may have made before."""
    return {
        name: {
            **each,
            "resource_type_associations": sorted(each["resource_type_associations"], key=lambda found: found["name"]),
        }
        for name, each in found.items()
    }


@pytest.mark.rule("MD-102", "MD-108")
@given(files=catalogues)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_whatever_is_loaded_exported_and_loaded_again_is_the_same(database, tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("files")
    await loading.unload(database)
    for number, file in enumerate(files):
        path = folder / f"{number}.json"
        path.write_bytes(json.dumps(file).encode())
        line = await loading.load(database, path, Manner.KEEP)
        assert line.outcome is Outcome.ADDED, line
    first = await catalogue(database)
    assert _in_any_order(first) == _in_any_order({file["namespace"]: _expected(file) for file in files})
    lines = await export(database, folder / "out")
    assert len({line.file for line in lines}) == len(list((folder / "out").iterdir())) == len(files)
    await loading.unload(database)
    for line in lines:
        assert (await loading.load(database, definition_files.Path(line.file), Manner.KEEP)).outcome is Outcome.ADDED
    again = await catalogue(database)
    assert _in_any_order(again) == _in_any_order(first)
    assert {line.detail for line in await export(database, folder / "out")} <= {"over an older file"}
