"""The data directory: what lies where in it, who may come in, and that one `glimpse up` at a time uses it.

glimpse.toml    the settings of the services, written at each start
lock            held while `glimpse up` runs; says by which process
postgres/       the database, and the socket that leads to it
programs/       a copy of Postgres, only where its user could not reach the one that is installed
images/         the stores `fast` and `cheap`, what is staged, and the scratch room of conversions
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from glimpse.embedded.account import Account
from glimpse.errors import Conflict, Unavailable


@dataclass(frozen=True)
class Directory:
    """A place for everything that must outlive the processes."""

    path: Path

    @property
    def settings(self) -> Path:
        """The settings file of the services, and of the commands that are run beside them."""
        return self.path / "glimpse.toml"

    @property
    def postgres(self) -> Path:
        """What Postgres calls its data directory."""
        return self.path / "postgres"

    @property
    def programs(self) -> Path:
        """Where programs are copied to that a user could not reach."""
        return self.path / "programs"

    @property
    def images(self) -> Path:
        """What holds bytes of images; for our own eyes."""
        return self.path / "images"

    def prepare(self) -> None:
        """Make what is missing. Raises Unavailable with what to do."""
        try:
            if not self.path.exists():
                self.path.mkdir(parents=True)
                # Postgres, which is another user when we are root, must pass through; nobody else need look.
                self.path.chmod(0o711 if os.geteuid() == 0 else 0o700)
            self.programs.mkdir(exist_ok=True)
            self.images.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise Unavailable(
                f"can not use {self.path} as data directory: {error.strerror}: choose another with --data-dir"
            ) from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Be the only one here. Raises Conflict when somebody is already."""
        try:
            lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise Unavailable(
                f"can not use {self.path} as data directory: {error.strerror}: choose another with --data-dir"
            ) from None
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                by = os.pread(lock, 20, 0).decode(errors="replace").strip()
                raise Conflict(
                    f"glimpse up runs in {self.path} already, as process {by}: stop it, or choose another --data-dir"
                ) from None
            with contextlib.suppress(OSError):  # on a full disk it is locked all the same
                os.ftruncate(lock, 0)
                os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            yield
        finally:
            os.close(lock)

    def require_way_in(self, account: Account | None) -> None:
        """Raise Unavailable, with what to do, unless the user that Postgres runs as can get here."""
        barred = account.barred_from(self.path) if account else None
        if account is not None and barred is not None:
            raise Unavailable(
                f"the user {account.name}, whom Postgres runs as, can not pass through {barred} to {self.path}: "
                f"chmod o+x {barred}, or choose another --data-dir"
            )


def default() -> Path:
    """Return where data is kept when nobody says where."""
    if os.geteuid() == 0:
        return Path("/var/lib/glimpse")
    stated = os.environ.get("XDG_DATA_HOME", "")
    return Path(stated if os.path.isabs(stated) else os.path.expanduser("~/.local/share")) / "glimpse"
