"""Who Postgres runs as: it refuses to be root, and we make nobody a user of the machine."""

import os
import pwd
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from glimpse.errors import Unavailable

EXISTING = ("postgres", "nobody")

NO_WAY_IN = 'for each; do [ -x "$each" ] || { printf %s "$each"; exit 1; }; done'
"""Says which of the paths can not be entered, or run, by whoever asks; the kernel answers, so access lists count."""


@dataclass(frozen=True)
class Account:
    """A user that exists, and that root becomes."""

    name: str
    uid: int
    gid: int

    def barred_from(self, path: Path) -> Path | None:
        """Return the first folder on the way to a file or folder, or itself, where this user gets no further."""
        way = [str(each) for each in (*reversed(path.parents), path)]
        asked = subprocess.run(
            ["/bin/sh", "-c", NO_WAY_IN, "sh", *way],
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            cwd="/",
            capture_output=True,
            check=False,
        )
        return Path(os.fsdecode(asked.stdout)) if asked.returncode else None


def of_postgres(data: Path) -> Account | None:
    """Return who to become, or None where we are not root. Who made the data directory of Postgres keeps it."""
    if os.geteuid() != 0:
        return None
    try:
        made_by = data.stat()
    except OSError:  # not made yet
        return _first(EXISTING)
    return _first(EXISTING) if made_by.st_uid == 0 else Account(_name(made_by.st_uid), made_by.st_uid, made_by.st_gid)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _first(names: Iterable[str]) -> Account:
    for name in names:
        try:
            found = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(found.pw_name, found.pw_uid, found.pw_gid)
    raise Unavailable(
        f"Postgres does not run as root, and there is no user {' or '.join(EXISTING)} to run it as: "
        "start as another user, or name a database with --postgres"
    )
