"""`glimpse up` from start to stop, with a real Postgres and real processes."""

import contextlib
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from glimpse.database import migrate

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to be")
NOBODY = 65534
GLIMPSE = (sys.executable, "-m", "glimpse.cli")


def owner(pid):
    return Path(f"/proc/{pid}").stat().st_uid


def words(pid):
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[:-1]


def lives(pid):
    with contextlib.suppress(OSError):
        return words(pid) != []
    return False


def is_there(path):
    return os.path.exists(path)


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


@contextlib.contextmanager
def another(argv, user):
    """A process that nobody looks after, of this user."""
    with subprocess.Popen(argv, user=user, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def run(*argv, **environment):
    """Run a command of ours to its end."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GLIMPSE_")}
    return subprocess.run(argv, capture_output=True, text=True, check=False, cwd="/", env=kept | environment)


async def test_the_first_start_makes_a_durable_database_of_this_schema_that_only_its_user_reaches(start, nowhere):
    up = await (await start(nowhere)).ready()
    async with up.connected() as connection:
        assert await connection.fetchval("SELECT current_database()") == "glimpse"
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert await connection.fetchval(f"SHOW {name}") == "on", name
        assert await connection.fetchval("SHOW listen_addresses") == ""
    assert await migrate.current(up.settings["postgres"]["dsn"]) == migrate.HEAD
    assert owner(up.postgres) != 0
    assert (mode(nowhere / "postgres"), mode(nowhere / "images"), mode(up.home / "glimpse.toml")) == (
        0o700,
        0o700,
        0o600,
    )
    await up.stopped()


async def test_an_ordinary_user_runs_it_as_well(start, nowhere, as_nobody):
    os.chown(nowhere.parent, NOBODY, NOBODY)
    up = await (await start(nowhere, prefix=as_nobody)).ready()
    assert owner(up.postgres) == owner(up.process.pid) == owner(up.services()["api"]) == NOBODY
    assert mode(nowhere) == 0o700
    up.process.kill()
    await up.until(lambda: not up.processes())
    await (await (await start(nowhere, prefix=as_nobody)).ready()).stopped()


async def test_asked_to_stop_it_stops_everything_and_the_database_last(start, home):
    up = await (await start(home)).ready()
    assert len(up.processes()) >= 3
    await up.stopped()
    assert not (home / "postgres" / "postmaster.pid").exists()


async def test_a_service_that_is_killed_is_started_again_and_the_others_go_on(start, home):
    up = await (await start(home)).ready()
    before, postgres = up.services(), up.postgres
    os.kill(before["importer"], signal.SIGKILL)
    await up.until(lambda: up.mentions("it was ended by SIGKILL"))
    await up.until(lambda: len(up.mentions("steady in")) == 3)
    assert lives(before["api"])
    assert up.postgres == postgres
    await up.stopped()


async def test_what_a_killed_service_leaves_behind_is_ended_with_it(start, home):
    up = await (await start(home, api="parent")).ready()
    (left,) = [pid for pid, line in up.processes().items() if line.startswith("sleep")]
    os.kill(up.services()["api"], signal.SIGKILL)
    await up.until(lambda: not lives(left))
    await up.until(lambda: len(up.mentions("parent in")) == 2)
    await up.stopped()


async def test_a_service_that_never_gets_ready_stops_everything_and_its_last_words_are_shown(start, home):
    up = await start(home, importer="dies")
    assert await up.refused() == ("the importer does not start: it left with status 1, 3 times in a row; it said last:")
    assert up.said[-1] == "no, said the service"


async def test_a_service_that_does_not_hear_is_killed_when_somebody_asks_twice(start, home):
    up = await (await start(home, "api.drain_seconds=3600", api="stubborn")).ready()
    up.process.send_signal(signal.SIGINT)
    await up.until(lambda: up.mentions('"stopping"'))
    await up.until(lambda: not lives(up.services()["importer"]))
    assert lives(up.services()["api"])
    up.process.send_signal(signal.SIGINT)
    assert await up.left() == 0
    assert up.processes() == {}


async def test_a_service_that_does_not_hear_is_killed_in_the_end(start, home):
    up = await (await start(home, "api.drain_seconds=0", api="stubborn")).ready()
    await up.stopped()


async def test_a_database_that_is_killed_is_started_again(start, home):
    up = await (await start(home)).ready()
    async with up.connected() as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS row")
    postgres = up.postgres
    os.kill(postgres, signal.SIGKILL)
    await up.until(lambda: up.mentions("Postgres died"))

    await up.until(lambda: up.status == "ready" and up.postgres not in (postgres, up.process.pid))
    async with up.connected() as connection:
        assert await connection.fetchval("SELECT row FROM kept") == 1
    await up.stopped()


async def test_killed_itself_it_takes_everything_along_and_the_next_start_has_all_that_was_committed(start, home):
    up = await (await start(home)).ready()
    async with up.connected() as connection:
        await connection.execute("CREATE TABLE kept AS SELECT 1 AS row")
    up.process.kill()
    await up.until(lambda: not up.processes())
    up = await (await start(home)).ready()
    async with up.connected() as connection:
        assert await connection.fetchval("SELECT row FROM kept") == 1
    await up.stopped()


async def test_killed_itself_the_next_start_ends_what_did_not_hear_of_it(start, home):
    killed = await (await start(home, api="stubborn")).ready()
    killed.process.kill()
    await killed.process.wait()
    up = await (await start(home)).ready()  # at once, while others are still on their way out
    assert not lives(killed.services()["api"])
    await up.stopped()


async def test_a_second_one_on_the_same_data_directory_is_refused(start, home):
    first = await (await start(home)).ready()
    second = await start(home)
    assert await second.left() == 1
    assert second.refusal() == (
        f"glimpse up runs in {home} already, as process {first.process.pid}: stop it, or choose another --data-dir"
    )
    assert lives(first.postgres)
    await first.stopped()


def test_a_port_that_is_taken_is_told_before_a_database_is_made(nowhere, taken):
    ended = run(*GLIMPSE, "up", "--data-dir", nowhere, "--port", str(taken))
    assert (ended.returncode, ended.stderr) == (
        1,
        f"glimpse: port {taken} of 127.0.0.1 is taken: stop what listens there, or choose another with --port\n",
    )
    assert not nowhere.exists()


def test_a_store_that_can_not_be_used_is_one_line_before_a_database_is_made(nowhere):
    nowhere.parent.joinpath("bytes").write_text("a file")
    told = f'stores.a.paths=[{{path="{nowhere.parent}/bytes"}}]'
    ended = run(*GLIMPSE, "up", "--data-dir", nowhere, "--port", "0", "--set", told)
    assert (ended.returncode, ended.stderr) == (1, f"glimpse: store a: {nowhere.parent}/bytes is no directory\n")
    assert not (nowhere / "postgres").exists()


def test_an_empty_data_directory_is_not_the_folder_one_is_in(nowhere):
    nowhere.mkdir()
    ended = run("env", f"--chdir={nowhere}", *GLIMPSE, "up", "--data-dir", "", "--port", "0")
    assert (ended.returncode, ended.stderr) == (1, "glimpse: --data-dir is empty: name a folder, or leave it out\n")
    assert list(nowhere.iterdir()) == []


def test_where_everybody_is_the_administrator_it_listens_here_only(nowhere):
    ended = run(*GLIMPSE, "up", "--data-dir", nowhere, "--host", "0.0.0.0")
    assert ended.returncode == 1
    assert "auth.mode is none, and 0.0.0.0 can be reached from outside" in ended.stderr
    assert not nowhere.exists()


async def test_unless_the_operator_insists(start, home):
    up = await (await start(home, "api.host=0.0.0.0", "auth.insecure=true")).ready()
    assert up.mentions("Glimpse is ready")[0].endswith(f": http://127.0.0.1:{up.settings['api']['port']}")
    await up.stopped()


async def test_a_wrong_setting_is_told_before_anything_is_started(start, nowhere):
    up = await start(nowhere, "api.port=high")
    assert (await up.refused()).startswith("wrong setting: api.port: ")
    assert not nowhere.exists()


async def test_a_database_of_a_newer_glimpse_is_left_alone(start, home):
    up = await (await start(home)).ready()
    async with up.connected() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = '9999'")
    await up.stopped()
    up = await start(home)
    assert "the database has schema 9999, made by a newer Glimpse than this one" in await up.refused()


async def test_a_database_of_another_postgres_is_left_alone(start, home):
    (home / "postgres" / "PG_VERSION").write_text("99\n")
    refusal = await (await start(home)).refused()
    assert refusal.startswith(f"the database in {home / 'postgres'} was made by Postgres 99, and this machine has ")
    assert "install postgresql-99" in refusal


async def test_a_path_that_is_too_long_for_a_socket_is_none_for_a_database(start, home):
    long = home.with_name("n" * 100)
    home.rename(long)
    up = await (await start(long)).ready()
    async with up.connected() as connection:
        assert await connection.fetchval("SHOW data_directory") == str(long / "postgres")
        folder = await connection.fetchval("SHOW unix_socket_directories")
    assert mode(folder) == 0o700
    await up.stopped()
    assert not is_there(folder)


async def test_a_path_with_odd_characters_is_as_good_as_another(start, home):
    odd = home.with_name("a + b, 100%")
    home.rename(odd)
    up = await (await start(odd)).ready()
    async with up.connected() as connection:
        assert await connection.fetchval("SHOW data_directory") == str(odd / "postgres")
        folder = await connection.fetchval("SHOW unix_socket_directories")
    await up.stopped()
    assert not is_there(folder)


@as_root
async def test_a_folder_that_the_user_of_postgres_can_not_pass_is_named(start, nowhere):
    nowhere.parent.chmod(0o700)
    refusal = await (await start(nowhere)).refused()
    assert f"can not pass through {nowhere.parent} to {nowhere}: chmod o+x {nowhere.parent}" in refusal


async def test_a_data_directory_that_can_not_be_written_is_named(start, nowhere, as_nobody):
    refusal = await (await start(nowhere, prefix=as_nobody)).refused()
    assert refusal == (f"can not use {nowhere} as data directory: Permission denied: choose another with --data-dir")


@pytest.fixture
def small_disk(nowhere):
    nowhere.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=711", "tmpfs", nowhere], check=False)
    if mounted.returncode != 0:
        pytest.skip("this machine lets nobody mount a small disk")
    yield nowhere
    subprocess.run(["umount", nowhere], check=True)


@as_root
async def test_a_full_disk_is_told_in_one_line_and_what_was_half_made_is_removed(start, small_disk):
    refusal = await (await start(small_disk)).refused()
    assert "there is no room left for the database" in refusal
    assert sorted(path.name for path in small_disk.iterdir()) == ["images", "lock", "programs"]


async def test_a_database_that_was_half_made_is_made_anew(start, nowhere):
    half = nowhere / "postgres.half"
    half.mkdir(parents=True)
    nowhere.chmod(0o755)
    (half / "PG_VERSION").write_text("15\n")
    await (await (await start(nowhere)).ready()).stopped()
    assert not half.exists()


LOCK_FILES = ("postmaster.pid", ".s.PGSQL.5432.lock")


async def test_lock_files_that_name_another_process_do_not_stop_the_next_start(start, home):
    up = await (await start(home)).ready()
    stale = {name: (home / "postgres" / name).read_text() for name in LOCK_FILES}
    user = owner(up.postgres)
    await up.stopped()
    with another(["sleep", "1000"], user) as process:  # of the same user: Postgres would believe it
        for name, text in stale.items():
            (home / "postgres" / name).write_text(text.replace(text.split()[0], str(process.pid), 1))
        await (await (await start(home)).ready()).stopped()
        assert process.poll() is None


async def test_lock_files_that_are_empty_do_not_stop_the_next_start(start, home):
    for name in LOCK_FILES:
        (home / "postgres" / name).touch()
    await (await (await start(home)).ready()).stopped()


async def test_a_postgres_that_somebody_left_running_is_stopped_first(start, home):
    up = await (await start(home)).ready()
    argv, user = words(up.postgres), owner(up.postgres)
    await up.stopped()
    with another(argv, user) as left:
        await up.until((home / "postgres" / "postmaster.pid").exists)
        await (await (await start(home)).ready()).stopped()
        assert left.wait(10) == 0


async def test_with_a_database_that_is_named_none_is_started(start, nowhere, cluster, dsn):
    up = await (await start(nowhere, f"postgres.dsn={dsn}")).ready()
    assert not (nowhere / "postgres").exists()
    assert up.settings["postgres"]["dsn"] == dsn
    await up.stopped()


async def test_its_own_database_is_started_though_somebody_names_it(start, home):
    dsn = f"postgresql://glimpse@/glimpse?host={home}/postgres"  # as the file has it that was written last time
    up = await (await start(home, f"postgres.dsn={dsn}")).ready()
    assert (up.status, up.settings["postgres"]["dsn"]) == ("ready", dsn)
    await up.stopped()


async def test_commands_beside_it_find_its_database_where_nobody_names_another(start, nowhere, as_nobody):
    os.chown(nowhere.parent, NOBODY, NOBODY)
    up = await (await start(nowhere.with_name("glimpse"), prefix=as_nobody)).ready()
    ended = run(*as_nobody, "-m", "glimpse.cli", "db", "check", XDG_DATA_HOME=str(nowhere.parent))
    assert (ended.returncode, ended.stdout) == (0, f"the database is at schema {migrate.HEAD}\n"), ended.stderr
    await up.stopped()


async def test_commands_beside_it_find_its_database_by_the_file_that_it_wrote(start, home):
    up = await (await start(home)).ready()
    ended = run(*GLIMPSE, "db", "check", "--config", home / "glimpse.toml")
    assert (ended.returncode, ended.stdout) == (0, f"the database is at schema {migrate.HEAD}\n"), ended.stderr
    await up.stopped()


def test_commands_that_find_no_database_say_how_they_are_told_of_one(nowhere):
    ended = run(*GLIMPSE, "db", "current", "--set", f"postgres.dsn=postgresql://glimpse@/glimpse?host={nowhere}")
    assert ended.returncode == 1
    assert ended.stderr.startswith("glimpse: can not reach the database: ")
    assert ended.stderr.endswith("; postgres.dsn says where it is, in the file that --config or GLIMPSE_CONFIG names\n")
