"""Where settings come from, and which of them win."""

import pytest

from glimpse import settings
from glimpse.errors import Invalid


@pytest.fixture
def named(tmp_path, monkeypatch):
    monkeypatch.delenv("GLIMPSE_CONFIG", raising=False)
    path = tmp_path / "named.toml"
    path.write_text("[api]\nport = 1\nworkers = 1\n")
    return path


def test_the_command_line_beats_the_environment_and_that_the_file(named, monkeypatch):
    monkeypatch.setenv("GLIMPSE_API__PORT", "2")
    monkeypatch.setenv("GLIMPSE_API__HOST", "::1")
    told = settings.load(named, {"api": {"host": "127.0.0.2"}}).api
    assert (told.host, told.port, told.workers) == ("127.0.0.2", 2, 1)


def test_another_file_counts_only_where_nobody_names_one_and_it_can_be_read(named, tmp_path, monkeypatch):
    otherwise = tmp_path / "otherwise.toml"
    assert settings.load(otherwise=otherwise).api.port == 9292
    otherwise.write_text("[api]\nport = 3\n")
    assert settings.load(otherwise=otherwise).api.port == 3
    assert settings.load(named, otherwise=otherwise).api.port == 1
    monkeypatch.setenv("GLIMPSE_CONFIG", str(named))
    assert settings.load(otherwise=otherwise).api.port == 1


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"[api]\nport = 'high'", "wrong setting: api.port: should be a whole number"),
        (b"[api]\nprot = 1", "wrong setting: api.prot: there is no such setting"),
        (b"[bus]\nlease_seconds = inf", "wrong setting: bus.lease_seconds: should be a finite number"),
        (b"[bus]\nkeep_days = nan", "wrong setting: bus.keep_days: should be a finite number"),
        (
            b"[scrubber]\nclaim_seconds = 1e300",
            "scrubber.claim_seconds: no duration is longer than a century: 3155760000",
        ),
        (
            b"[scrubber]\norphan_hours = 1e6",
            "scrubber.orphan_hours: no duration is longer than a century: 876600 hours",
        ),
        (b"[bus]\nkeep_days = 36526", "wrong setting: bus.keep_days: no duration is longer than a century: 36525 days"),
        (b"api = 5", "wrong setting: api: should be a table of settings"),
        (b"[api]\npublic_endpoint = 'foo'", "api.public_endpoint: 'foo' is no base of links: write it as https://"),
        (b"[api]\npublic_endpoint = 'http://a/?b'", "api.public_endpoint: 'http://a/?b' is no base of links"),
        (b"[api]\nport = 65536", "wrong setting: api.port: should be 65535 or less"),
        (b"[api]\naccess_log = 'maybe'", "wrong setting: api.access_log: should be true or false"),
        (b"[api]\nhealthcheck_disable_file = 'here'", "api.healthcheck_disable_file: here is no absolute path"),
        (b"[policy]\nfile = 'rules.yaml'", "policy.file: rules.yaml is no absolute path"),
        (b"[import]\nscratch_dir = 'here'", "import.scratch_dir: here is no absolute path"),
        (b"[import]\nallowed_schemes = ['ftp']", "import.allowed_schemes.0: should be 'http' or 'https'"),
        (b"[import]\nallowed_hosts = 'a'", 'import.allowed_hosts: should be a list, such as ["one", "another"]'),
        (b"[import]\nallowed_networks = ['10.0.0.0/99']", "import.allowed_networks: '10.0.0.0/99' is no network"),
        (b"[import]\nallowed_networks = [10]", "import.allowed_networks: 10 is no network"),
        (b"[images]\nuser_storage_quota = '5 GB'", "'5 GB' is not written as it should be: a number, and B, KB"),
        (b"[bus]\nkafka_bootstrap = 'here'", "'here' is not written as it should be: host:port,host:port"),
        (b"[stores.a]\npaths = []", "wrong setting: stores.a: a file store needs paths: its directories"),
        (b"[stores.a]\npaths = [{path = 'here'}]", "stores.a.paths.0.path: here is no absolute path"),
        (b"api", "is not TOML"),
        (b"\xff", "is not TOML"),
    ],
)
def test_a_wrong_file_is_refused_in_one_line(named, content, line):
    named.write_bytes(content)
    with pytest.raises(Invalid) as refused:
        settings.load(named)
    assert line in refused.value.message
    assert "\n" not in refused.value.message
    assert "Input" not in refused.value.message
