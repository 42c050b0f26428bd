"""Settings are what was said last, and a slip of the pen is an error."""

from pathlib import Path

import pytest

from glimpse import settings
from glimpse.errors import Invalid


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "glimpse.toml"
    path.write_text('[api]\nport = 1\nworkers = 1\n[import]\nattempts = 5\n[stores.disks]\npaths = [{ path = "/a" }]\n')
    return path


def test_the_command_line_beats_the_environment_which_beats_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIMPSE_API__PORT", "2")
    monkeypatch.setenv("GLIMPSE_API__HOST", "::1")
    api = settings.load(file, {"api": {"port": 3}}).api
    assert (api.port, api.host, api.workers, api.access_log) == (3, "::1", 1, True)


def test_each_value_knows_who_said_it(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLIMPSE_API__HOST", "::1")
    monkeypatch.setenv("GLIMPSE_IMPORT__CONVERT_TO", "raw")
    layers = settings.layers(file, {"api": {"port": 3}})
    asked = [("api", "port"), ("api", "host"), ("api", "workers"), ("api", "access_log"), ("import", "convert_to")]
    assert [layers.origin(path) for path in asked] == ["--set", "environment", "file", "default", "environment"]
    assert layers.origin(("stores", "disks", "paths")) == "file"
    assert layers.origin(("stores", "disks", "weight")) == "default"


def test_what_the_environment_says_of_imports_joins_what_the_file_says(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLIMPSE_IMPORT__CONVERT_TO", "raw")
    imports = settings.load(file).import_
    assert (imports.attempts, imports.convert_to) == (5, "raw")


def test_a_secret_is_read_from_the_file_that_a_variable_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dsn").write_text("postgresql://a:secret@b/c\n")
    monkeypatch.setenv("GLIMPSE_POSTGRES__DSN_FILE", str(tmp_path / "dsn"))
    assert settings.load().postgres.dsn.get_secret_value() == "postgresql://a:secret@b/c"
    assert settings.layers().origin(("postgres", "dsn")) == "environment"


def test_a_secret_that_is_no_text_is_refused_by_its_variable_and_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dsn").write_bytes(b"\xff")
    monkeypatch.setenv("GLIMPSE_POSTGRES__DSN_FILE", str(tmp_path / "dsn"))
    with pytest.raises(Invalid) as refused:
        settings.load()
    assert f"GLIMPSE_POSTGRES__DSN_FILE names {tmp_path}/dsn, which is not UTF-8" in refused.value.message


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("GLIMPSE_API__PORT", "high", "api.port: "),
        ("GLIMPSE_API__PROT", "1", "api.prot: there is no such setting"),
        ("GLIMPSE_APY__PORT", "1", "GLIMPSE_APY__PORT: there is no section apy"),
        ("GLIMPSE_POSTGRES__DSN_FILE", "/nowhere", "can not read the settings"),
        ("GLIMPSE_STORES", "{", "wrong setting in the environment"),
        ("GLIMPSE_CONFIG", "/nowhere.toml", "can not read the settings"),
    ],
)
def test_a_slip_in_the_environment_stops_the_start(
    name: str, value: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Invalid, match=reason):
        settings.load()


@pytest.mark.parametrize("content", [b"[api\n", b"\xff\xfe"])
def test_what_is_no_toml_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(Invalid, match="is not TOML"):
        settings.load(tmp_path / "file")


def test_variables_that_are_no_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GLIMPSE_URL", "GLIMPSE_TOKEN", "GLIMPSE_READY_FD", "GLIMPSE_TEST_KAFKA"):
        monkeypatch.setenv(name, "x")
    assert settings.load().api.port == 9292


def test_each_problem_has_a_line_of_its_own() -> None:
    lines = settings.problems({"api": {"port": "high", "prot": 1}, "images": {"hashing_algorithm": "shake_128"}})
    assert [line.partition(":")[0] for line in lines] == ["api.port", "api.prot", "images.hashing_algorithm"]
    assert not [line for line in lines if "\n" in line]
    assert settings.problems({}) == []


@pytest.mark.rule("OP-51", "OP-107")
@pytest.mark.parametrize("name", ["sha1024", "shake_128", ""])
def test_a_hashing_algorithm_that_no_upload_could_use_is_refused(name: str) -> None:
    with pytest.raises(Invalid, match=r"images\.hashing_algorithm"):
        settings.validated({"images": {"hashing_algorithm": name}})
