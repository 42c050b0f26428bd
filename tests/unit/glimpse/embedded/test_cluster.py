"""What our Postgres is told, and how its failures are told on."""

import os
from pathlib import Path

import pytest

from glimpse.embedded import cluster
from glimpse.embedded.binaries import Binaries
from glimpse.embedded.cluster import Cluster
from glimpse.embedded.directory import Directory
from glimpse.errors import Unavailable
from glimpse.settings import Api, Postgres, Settings

PLACE = Cluster(Path("/srv/glimpse/postgres"), Path("/run/a b"), Binaries(Path("/usr/lib/postgresql/17/bin"), 17), None)


def options(**sections):
    argv = cluster.argv(PLACE, Settings(**sections))
    return dict(word.removeprefix("--").split("=", 1) for word in argv[3:])


def test_it_is_told_to_keep_what_it_promises_and_to_listen_nowhere():
    told = options()
    assert (told["fsync"], told["synchronous_commit"], told["full_page_writes"]) == ("on", "on", "on")
    assert told["listen_addresses"] == ""


def test_it_has_a_connection_for_each_that_our_processes_may_open():
    assert int(options(api=Api(workers=64), postgres=Postgres(pool_size=20))["max_connections"]) > 66 * 20


def test_the_way_to_it_is_escaped():
    assert PLACE.dsn == "postgresql://glimpse@/glimpse?host=/run/a%20b"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("x\ninitdb: error: could not create directory: Permission denied\n", "initdb: error: could not create"),
        ("LOG:  starting\nFATAL:  data directory has wrong ownership\nHINT:  x", "FATAL:  data directory has wrong"),
        ("FATAL:  could not write lock file: No space left on device", "there is no room left for the database in /d"),
        ("strange", "strange"),
        ("", "it said nothing"),
    ],
)
def test_a_failure_is_told_in_one_line(said, told):
    line = cluster.why(said, Path("/d"))
    assert line.startswith(told)
    assert "\n" not in line


def test_a_short_path_has_its_socket_in_it():
    assert cluster.socket_folder(Path("/srv/glimpse/postgres")) == Path("/srv/glimpse/postgres")


def test_our_own_database_is_known_by_its_address():
    home = Directory(Path("/srv/glimpse"))
    assert cluster.is_own(home, "postgresql://glimpse@/glimpse?host=/srv/glimpse/postgres")
    assert not cluster.is_own(home, "postgresql://glimpse@/glimpse?host=/srv/another/postgres")


@pytest.mark.parametrize("name", ["n" * 100, "a,b"])
def test_another_path_has_it_in_a_private_folder(tmp_path, monkeypatch, name):
    monkeypatch.setattr(cluster, "_runtime", lambda: tmp_path)
    folder = cluster.socket_folder(Path("/srv") / name)
    assert folder.parent == tmp_path
    for _again in range(2):
        cluster._make_private(folder, None)
        assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(Unavailable, match="is not ours"):
        cluster._make_private(folder, None)
    folder.rmdir()
    os.symlink("/tmp", folder)
    with pytest.raises(Unavailable, match="is not ours"):
        cluster._make_private(folder, None)
