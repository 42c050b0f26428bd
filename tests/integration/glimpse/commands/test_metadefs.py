"""`glimpse metadefs load | unload | export`, as an operator types them."""

import asyncio
import json
import os
import sys

import pytest

FILE = {"namespace": "OS::Mine", "display_name": "My own", "tags": [{"name": "t"}]}


@pytest.fixture
def glimpse(dsn):
    """Type a command; returns what it leaves with, what it prints, and what it complains of."""

    async def typed(*words):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "glimpse.cli",
            "metadefs",
            *words,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "GLIMPSE_POSTGRES__DSN": dsn},
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, out.decode(), err.decode()

    return typed


@pytest.mark.rule("MD-100", "MD-101", "MD-107", "OP-122")
async def test_files_are_loaded_one_by_one_and_each_is_reported(glimpse, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps(FILE))
    (tmp_path / "b.json").write_text("no json")
    (tmp_path / "c.json").write_text('{"namespace": "x\\u001b[2J", "tags": 5}')
    (tmp_path / "d.json").write_text(json.dumps({**FILE, "namespace": "OS::Other"}))
    left_with, said, _ = await glimpse("load", "--path", str(tmp_path))
    lines = said.splitlines()
    assert left_with == 1
    assert lines[0] == "added    OS::Mine: 1 tag"
    assert lines[1].startswith(f"failed   {tmp_path}/b.json: it is not JSON")
    assert lines[2].startswith(f"failed   {tmp_path}/c.json: tags:")
    assert lines[3:] == ["added    OS::Other: 1 tag", "2 added, 2 failed"]
    left_with, said, _ = await glimpse("load", "--path", str(tmp_path / "a.json"), "--json")
    assert left_with == 0
    assert json.loads(said) == {
        "namespace": "OS::Mine",
        "file": str(tmp_path / "a.json"),
        "outcome": "skipped",
        "detail": "it is there already",
    }


@pytest.mark.rule("MD-103", "MD-100")
async def test_options_that_make_no_sense_together_change_nothing(glimpse, database, tmp_path):
    for options in (["--prefer_new"], ["--overwrite"], ["--merge", "--prefer_new", "--overwrite"]):
        left_with, said, complaint = await glimpse("load", *options)
        assert (left_with, said) == (1, "")
        assert complaint.startswith("glimpse: --prefer_new")
        assert complaint.count("\n") == 1
    async with database.reading() as reader:
        assert await reader.fetchval("SELECT count(*) FROM metadef_namespaces") == 0
    left_with, _, complaint = await glimpse("load", "--path", str(tmp_path))
    assert (left_with, complaint) == (1, f"glimpse: there is no file *.json in {tmp_path}\n")


@pytest.mark.rule("MD-100", "MD-106", "MD-108", "MD-111")
async def test_what_comes_with_glimpse_is_loaded_exported_unloaded_and_loaded_again(glimpse, tmp_path):
    left_with, said, _ = await glimpse("load")
    assert (left_with, said.splitlines()[-1]) == (0, "33 added")
    left_with, said, _ = await glimpse("export", "--path", str(tmp_path / "out"))
    assert (left_with, said.splitlines()[-1]) == (0, "33 written")
    assert await glimpse("unload") == (0, "deleted 33 namespaces\n", "")
    left_with, said, _ = await glimpse("load", "--path", str(tmp_path / "out"))
    assert (left_with, said.splitlines()[-1]) == (0, "33 added")
    left_with, said, _ = await glimpse("load", "--merge", "--prefer_new", "--path", str(tmp_path / "out"), "--json")
    assert left_with == 0
    assert {json.loads(line)["outcome"] for line in said.splitlines()} == {"updated"}
    left_with, said, _ = await glimpse("unload", "--json")
    assert len(json.loads(said)["deleted"]) == 33
    assert await glimpse("export", "--path", str(tmp_path / "empty")) == (0, "there is nothing to do\n", "")
