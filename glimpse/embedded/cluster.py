"""A Postgres of our own on disk: how it is made, where its socket is, and what it is told when it starts."""

import asyncio
import contextlib
import hashlib
import locale
import os
import shutil
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from glimpse.database import server
from glimpse.embedded import account, binaries
from glimpse.embedded.account import Account
from glimpse.embedded.binaries import Binaries
from glimpse.embedded.child import Child, Program
from glimpse.embedded.directory import Directory
from glimpse.errors import Conflict, Unavailable
from glimpse.settings import Settings

USER = "glimpse"
SOCKET_PATH_BYTES = 107  # what the kernel takes, without its final zero
SOCKET_NAME = ".s.PGSQL.5432.lock"  # of the two files that Postgres puts there the longer one
MIB = 1024**2
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}  # LC_ALL: what it says is read by us, too


@dataclass(frozen=True)
class Cluster:
    """What is needed to start it."""

    data: Path
    socket: Path
    """The folder that its socket is in; nobody but its user, and root, gets in."""
    binaries: Binaries
    account: Account | None

    @property
    def dsn(self) -> str:
        """How our own database is reached."""
        return self.dsn_of(server.NAME)

    def dsn_of(self, database: str) -> str:
        """How one of its databases is reached."""
        return _dsn(self.socket, database)


def found(home: Directory) -> Cluster:
    """Decide which Postgres is used, as whom, and where its socket is. Raises Unavailable, Conflict."""
    user = account.of_postgres(home.postgres)
    home.require_way_in(user)
    if user is None and home.postgres.exists() and home.postgres.stat().st_uid != os.geteuid():
        raise Conflict(f"the database in {home.postgres} belongs to another user: choose another --data-dir")
    chosen = binaries.reachable(binaries.choose(binaries.found(), home.postgres), user, home.programs)
    place = Cluster(home.postgres, socket_folder(home.postgres), chosen, user)
    if place.socket != place.data:
        _make_private(place.socket, user)
    return place


def is_own(home: Directory, dsn: str) -> bool:
    """Say whether a DSN leads to the Postgres of a data directory: it does where our own file was named as --config."""
    return dsn == _dsn(socket_folder(home.postgres), server.NAME)


async def make(cluster: Cluster) -> bool:
    """Make the database unless it is there; a half-made one was never in its place. Raises Unavailable."""
    if binaries.made_by_major(cluster.data) is not None:
        return False
    half = cluster.data.with_name("postgres.half")
    try:
        await asyncio.to_thread(shutil.rmtree, half, ignore_errors=True)
        half.mkdir(mode=0o700)
        if cluster.account is not None:
            os.chown(half, cluster.account.uid, cluster.account.gid)
        await _initdb(cluster, half)
        os.rename(half, cluster.data)
        _remember(cluster.data.parent)
    except OSError as error:
        raise Unavailable(f"can not make a database in {cluster.data}: {error.strerror}") from None
    return True


def argv(cluster: Cluster, settings: Settings) -> list[str]:
    """Return the command line of the server; what stands here beats its configuration files."""
    told = {**_promises(cluster), **_sizes(settings)}
    options = [f"--{name}={value}" for name, value in told.items()]
    return [str(cluster.binaries.folder / "postgres"), "-D", str(cluster.data), *options]


def why(said: str, data: Path) -> str:
    """Make one line of what a program of Postgres said before it failed."""
    if "No space left on device" in said:
        return f"there is no room left for the database in {data}: free some, or choose another --data-dir"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    told = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line]
    return (told or lines or ["it said nothing"])[0]


def _promises(cluster: Cluster) -> Mapping[str, str]:
    return {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",  # the socket is the only way in
        "port": "5432",
        "unix_socket_directories": str(cluster.socket),
        "unix_socket_permissions": "0700",
        "log_destination": "stderr",
        "logging_collector": "off",
        "log_min_messages": "log",  # what a statement does wrong, who sent it hears
        "log_checkpoints": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }


def _sizes(settings: Settings) -> Mapping[str, str]:
    """Give each process of ours its connections, and the server an eighth of the memory, within reason."""
    processes = (settings.api.workers or os.cpu_count() or 1) + 3  # the importer, the scrubber, and a service anew
    memory = _memory_bytes()
    return {
        "max_connections": str(max(100, processes * (settings.postgres.pool_size + 4) + 20)),
        "shared_buffers": f"{min(max(memory // 8, 64 * MIB), 512 * MIB) // MIB}MB",
        "effective_cache_size": f"{max(memory // 2, 128 * MIB) // MIB}MB",
        "maintenance_work_mem": "64MB",
        "random_page_cost": "1.1",
        "jit": "off",  # our statements are short
    }


def _memory_bytes() -> int:
    """Return the memory of the machine, or of the container that we are in."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    with contextlib.suppress(OSError, ValueError):
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return min(limits)


async def _initdb(cluster: Cluster, half: Path) -> None:
    options = ["-D", str(half), "-U", USER, "-A", "trust", "-E", "UTF8", "--data-checksums"]
    # Order by bytes: an index on text must not depend on what the machine's next library thinks of the alphabet.
    options += ["--lc-collate=C", f"--lc-ctype={_ctype()}"]
    program = Program(
        "initdb",
        (str(cluster.binaries.folder / "initdb"), *options),
        ENVIRONMENT,
        cluster.account,
        dress=lambda _lines: b"",
        cwd="/",
    )
    child = await Child.start(program)
    try:
        status = await child.ended()
    finally:
        await child.stop(((signal.SIGTERM, 5),), asyncio.Event())
    if status != 0:
        await asyncio.to_thread(shutil.rmtree, half, ignore_errors=True)  # a full disk gets its room back
        raise Unavailable(f"can not make a database: {why(child.last_lines(), cluster.data)}")


def _ctype() -> str:
    was = locale.setlocale(locale.LC_CTYPE)
    try:
        return locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, was)


def _remember(folder: Path) -> None:
    """Have the disk remember what was renamed in a folder."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def socket_folder(data: Path) -> Path:
    """Return the data directory itself, or a short private folder where its path is too long for a socket."""
    if len(os.fsencode(data / SOCKET_NAME)) <= SOCKET_PATH_BYTES and "," not in str(data):  # a comma parts addresses
        return data
    return _runtime() / f"glimpse-{hashlib.sha256(os.fsencode(data)).hexdigest()[:12]}"


def _make_private(folder: Path, user: Account | None) -> None:
    """Make the folder of a socket for its user alone. Raises Unavailable when somebody else has taken its name."""
    uid, gid = (user.uid, user.gid) if user else (os.geteuid(), os.getegid())
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        os.chown(folder, uid, gid)
    seen = folder.lstat()
    if seen.st_uid != uid or seen.st_mode & 0o170777 != 0o040700:  # a folder, private, and its user's
        raise Unavailable(f"{folder} is not ours, and the socket of the database was to be there: remove it")


def _dsn(folder: Path, database: str) -> str:
    return f"postgresql://{USER}@/{database}?host={quote(str(folder))}"


def _runtime() -> Path:
    """Return where short-lived files have short paths; only in the last of these can others take a name first."""
    stated = "/run" if os.geteuid() == 0 else os.environ.get("XDG_RUNTIME_DIR", "")
    return Path(stated if os.path.isabs(stated) and os.access(stated, os.W_OK) else tempfile.gettempdir())
