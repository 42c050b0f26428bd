"""Definitions as files: which they are, and what they are called."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from glimpse.errors import Invalid
from services.api import definition_files
from tests.fixtures.definitions import some_names


@dataclass
class Named:
    """As much of a namespace as the name of its file depends on."""

    namespace: str
    display_name: str | None = None


def called(*namespaces):
    return [name for _, name in definition_files.file_names(Named(*each) for each in namespaces)]


@pytest.mark.rule("MD-101")
def test_a_folder_stands_for_its_json_files_and_a_file_for_itself(tmp_path):
    for name in ("b.json", "a.json", "c.JSON", "d.txt", ".json"):
        (tmp_path / name).touch()
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "folder.json" / "inner.json").touch()
    assert [path.name for path in definition_files.find(tmp_path)] == [".json", "a.json", "b.json"]
    assert definition_files.find(tmp_path / "d.txt") == [tmp_path / "d.txt"]


@pytest.mark.rule("MD-101")
def test_where_there_is_nothing_to_load_that_is_said(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(Invalid, match=str(path)):
            definition_files.find(path)


def test_a_file_that_can_not_be_read_is_said_to_be_so(tmp_path):
    with pytest.raises(Invalid, match="No such file"):
        definition_files.read(tmp_path / "nothing.json")


NAMES = [
    # namespaces with what people call them, and their files
    ([("OS::A", "CPU Pinning")], ["CPUPinning.json"]),
    ([("OS::A", "Größe 5!")], ["Größe5.json"]),
    ([("OS::A", None)], ["OSA.json"]),
    ([("OS::A", "")], ["OSA.json"]),
    ([("OS::A", "!?")], ["OSA.json"]),
    ([("OS::A", "same"), ("OS::B", "s a m e")], ["same.json", "OSB.json"]),
    ([("OS::A", "same"), ("OS::B", "SAME")], ["same.json", "OSB.json"]),
    ([("a:b", None), ("ab", None), ("a b", None)], ["ab.json", "ab-2.json", "ab-3.json"]),
    ([("::", None), (":", "!")], ["namespace-2.json", "namespace-3.json"]),
    ([("x", "語" * 80)], ["語" * 80 + ".json"]),
    ([("x", "\U00020000" * 80)], ["\U00020000" * 60 + ".json"]),  # no file system takes more than 255 bytes
]


@pytest.mark.rule("MD-108")
@pytest.mark.parametrize(("namespaces", "files"), NAMES)
def test_a_file_is_called_as_people_call_the_namespace(namespaces, files):
    assert called(*namespaces) == files


@pytest.mark.rule("MD-108")
@given(st.lists(st.tuples(some_names.filter(bool), st.one_of(st.none(), some_names)), unique_by=lambda each: each[0]))
def test_no_two_namespaces_share_a_file_and_every_file_can_be_made(namespaces):
    files = called(*namespaces)
    assert len(files) == len(namespaces)
    assert len({name.casefold() for name in files}) == len(files)
    assert all(len(name.encode()) <= 255 and "/" not in name and not name.startswith(".") for name in files)
