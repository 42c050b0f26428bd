"""`glimpse config show`, `check` and `convert`, as an operator types them."""

import json
import os
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from glimpse import cli, settings

runner = CliRunner()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "glimpse.toml"
    path.write_text(
        f"""
        [stores.disks]
        paths = [{{ path = "{tmp_path}/disks" }}]

        [staging]
        paths = [{{ path = "{tmp_path}/staging" }}]
        """
    )
    return path


def check(config: Path, *words: str) -> tuple[int, list[str]]:
    said = runner.invoke(cli.app, ["config", "check", "--config", str(config), *words])
    return said.exit_code, said.stderr.splitlines()


def test_what_is_shown_can_be_used_as_a_settings_file(config: Path, tmp_path: Path) -> None:
    said = runner.invoke(cli.app, ["config", "show", "--config", str(config), "--set", "api.port=7"])
    assert said.exit_code == 0
    (tmp_path / "again.toml").write_text(said.stdout)
    assert settings.load(tmp_path / "again.toml") == settings.load(config, {"api": {"port": 7}})


def test_what_is_shown_to_programs_is_json(config: Path) -> None:
    said = runner.invoke(cli.app, ["config", "show", "--json", "--config", str(config)])
    shown = json.loads(said.stdout)
    assert shown["stores"]["disks"]["paths"]["from"] == "file"
    assert shown["api"]["port"] == {"from": "default", "value": 9292}


def test_wrong_settings_are_not_shown_as_if_they_were_in_force(config: Path) -> None:
    said = runner.invoke(cli.app, ["config", "show", "--config", str(config), "--set", "api.port=high"])
    assert (said.exit_code, said.stdout) == (1, "")
    assert "api.port" in said.stderr


def test_settings_that_can_be_used_are_said_to_be(config: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.iterdir())
    assert check(config) == (0, [])
    assert sorted(tmp_path.iterdir()) == before  # looking makes nothing


def test_everything_wrong_has_its_line(config: Path) -> None:
    status, lines = check(
        config, "--set", "api.port=high", "--set", "log.lavel=info", "--set", "images.hashing_algorithm=crc"
    )
    assert status == 1
    assert [line.partition(":")[0] for line in lines] == ["api.port", "images.hashing_algorithm", "log.lavel"]


def test_programs_are_told_what_is_wrong_in_json(config: Path) -> None:
    said = runner.invoke(cli.app, ["config", "check", "--json", "--config", str(config)])
    assert (said.exit_code, json.loads(said.stdout)) == (0, {"wrong": []})
    said = runner.invoke(cli.app, ["config", "check", "--json", "--config", str(config), "--set", "api.host=0.0.0.0"])
    assert said.exit_code == 1
    assert [line for line in json.loads(said.stdout)["wrong"] if "auth.mode is none" in line]


def test_a_directory_that_can_not_be_used_is_named(config: Path, tmp_path: Path) -> None:
    (tmp_path / "disks").write_text("a file")
    (tmp_path / "staging").mkdir()
    (tmp_path / "staging" / ".glimpse-store").write_text("another\n")
    status, lines = check(config, "--set", f'import.scratch_dir="{tmp_path}/disks/scratch"')
    assert status == 1
    assert [line for line in lines if "disks is no directory" in line]
    assert [line for line in lines if "belongs to store another" in line]
    assert [line for line in lines if line.startswith("import.scratch_dir: ")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_without_permission_is_named(config: Path, tmp_path: Path) -> None:
    (tmp_path / "disks").mkdir(mode=0o500)
    status, lines = check(config)
    assert (status, len(lines)) == (1, 1)
    assert "can not be written to" in lines[0]


@pytest.mark.rule("OP-55", "OP-57")
@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ('stores.more.paths=[{path="{0}/disks"}]', "share"),
        ('stores.more.paths=[{path="{0}/disks/more"}]', "lie in each other"),
        ('stores.more.paths=[{path="{0}/disks/../disks/"}]', "share"),
        ('stores.os_glance_more.paths=[{path="{0}/more"}]', "reserved"),
        ('staging.paths=[{path="{0}/disks"}]', "share"),
    ],
)
def test_stores_that_would_mix_their_bytes_are_refused(told: str, reason: str, config: Path, tmp_path: Path) -> None:
    status, lines = check(config, "--set", told.replace("{0}", str(tmp_path)), "--set", "default_store=disks")
    assert status == 1
    assert reason in lines[0]


def test_the_administrator_of_everybody_is_not_let_out(config: Path) -> None:
    status, lines = check(config, "--set", "api.host=0.0.0.0")  # AC-43
    assert (status, len(lines)) == (1, 1)
    assert "auth.mode is none" in lines[0]


def test_no_store_at_all_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "empty.toml").write_text("")
    status, lines = check(tmp_path / "empty.toml")
    assert (status, lines) == (1, ["no store is configured: add a section [stores.NAME] with its paths"])
    assert tomllib.loads((tmp_path / "empty.toml").read_text()) == {}


def convert(*words: str) -> tuple[int, str, str]:
    said = runner.invoke(cli.app, ["config", "convert", *words])
    return said.exit_code, said.stdout, said.stderr


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    path = tmp_path / "glance-api.conf"
    path.write_text(
        "[DEFAULT]\nhashing_algorithm = sha256\nenable_image_import = true\n"
        f"[glance_store]\nfilesystem_store_datadir = {tmp_path}/images\n"
        "[database]\nconnection = postgresql://glance:hunter2@db/glance\n"
    )
    return path


def test_settings_are_printed_and_the_report_is_beside_them(conf: Path) -> None:
    status, out, err = convert(str(conf))
    assert status == 0
    assert tomllib.loads(out)["images"] == {"hashing_algorithm": "sha256"}
    assert "enable_image_import" in err
    assert "hunter2" not in err


def test_settings_are_written_to_a_file_that_only_its_owner_reads(conf: Path, tmp_path: Path) -> None:
    status, out, _err = convert(str(conf), "-o", str(tmp_path / "glimpse.toml"))
    assert (status, out) == (0, "")
    assert (tmp_path / "glimpse.toml").stat().st_mode & 0o777 == 0o600
    assert settings.load(tmp_path / "glimpse.toml").images.hashing_algorithm == "sha256"
    assert check(tmp_path / "glimpse.toml") == (0, [])


def test_a_file_that_is_there_is_not_written_over(conf: Path, tmp_path: Path) -> None:
    (tmp_path / "glimpse.toml").write_text("mine")
    status, _out, err = convert(str(conf), "--output", str(tmp_path / "glimpse.toml"))
    assert (status, (tmp_path / "glimpse.toml").read_text()) == (1, "mine")
    assert "is there already" in err


@pytest.mark.parametrize("content", [None, b"no configuration\n", b"[DEFAULT]\n\xff = 1\n"])
def test_only_what_can_not_be_read_is_refused(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "odd.conf").write_bytes(content)
    status, out, err = convert(str(tmp_path / "odd.conf"), "-o", str(tmp_path / "glimpse.toml"))
    assert (status, out, err.count("\n")) == (1, "", 1)
    assert not (tmp_path / "glimpse.toml").exists()
