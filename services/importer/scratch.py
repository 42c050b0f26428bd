"""Room to work in: private folders below one root, taken from a budget, and gone when the work is, crash or no crash.

Below the root each `Scratch` has a home of its own, and holds a lock on it (flock) as long as it lives. The kernel
gives the lock back when a process dies, however it dies; so a home whose lock can be had belongs to nobody, and
`sweep` removes it. No process ids and no clocks: importers in different containers may share a root.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

from glimpse.errors import StoreFull, Unavailable

HOME = re.compile(r"home-[0-9a-f]{16}")


class Scratch:
    """What one importer may take of a root folder, and what of it is taken."""

    def __init__(self, root: Path, budget_bytes: int) -> None:
        self._root = root
        self._budget = budget_bytes
        self._free = budget_bytes
        self._queue = asyncio.Lock()
        self._given_back = asyncio.Event()
        self._home: Path | None = None
        self._lock: int | None = None

    @contextlib.asynccontextmanager
    async def room(self, task_id: str, epoch: int, bytes_wanted: int) -> AsyncIterator[Path]:
        """Lend an empty private folder, and remove it with all that is in it.

        Waits while others have the budget, in the order of asking, so that small wishes do not overtake a large one
        for ever. Raises StoreFull when the budget, or what is free on the disk, can never be enough.
        """
        await self._reserve(bytes_wanted)
        try:
            folder = self._make(f"{task_id}.{epoch}", bytes_wanted)  # in a thread it could be made after we had gone
            try:
                yield folder
            finally:
                await _to_the_end(folder)
        finally:
            self._free += bytes_wanted
            self._given_back.set()

    async def sweep(self) -> int:
        """Remove what dead owners left behind; returns how many there were."""
        return await asyncio.to_thread(self._sweep)

    async def close(self) -> None:
        """Give the home back. No room may be in use."""
        if self._home is not None and self._lock is not None:
            await _to_the_end(self._home)
            os.close(self._lock)
        self._home = self._lock = None

    async def _reserve(self, wanted: int) -> None:
        if wanted > self._budget:
            raise StoreFull(f"the work needs {wanted} bytes of scratch, and only {self._budget} are allowed")
        async with self._queue:
            while wanted > self._free:
                self._given_back.clear()
                await self._given_back.wait()
            self._free -= wanted

    def _make(self, name: str, wanted: int) -> Path:
        if "/" in name:
            raise ValueError(f"{name!r} is no name of a task")
        try:
            if self._home is None:
                self._home, self._lock = self._settle()
            free = shutil.disk_usage(self._root).free
            if free < wanted:
                raise StoreFull(f"the work needs {wanted} bytes of scratch, and {free} are free below {self._root}")
            folder = self._home / name
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise Unavailable(f"no room to work in: {error}") from error
        return folder

    def _settle(self) -> tuple[Path, int]:
        """Make a home and lock it; a sweeper that came between the two has removed it, so look again."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._root.stat().st_uid not in (0, os.geteuid()):
            raise Unavailable(f"{self._root} belongs to another user, who could read and change what is in work there")
        while True:
            home = self._root / f"home-{secrets.token_hex(8)}"
            home.mkdir(mode=0o700)
            lock = _locked(home)
            if lock is not None:
                return home, lock

    def _sweep(self) -> int:
        removed = 0
        with contextlib.suppress(FileNotFoundError):
            for home in list(self._root.iterdir()):
                if not HOME.fullmatch(home.name) or (lock := _locked(home)) is None:
                    continue
                shutil.rmtree(home, ignore_errors=True)
                os.close(lock)
                removed += 1
        return removed


def _locked(home: Path) -> int | None:
    """Lock a folder that is still in its place, or return None: somebody has it, or it is gone."""
    try:
        lock = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), home.lstat()):
            return lock
    except OSError:
        pass
    os.close(lock)
    return None


async def _to_the_end(folder: Path) -> None:
    """Remove a folder, and finish that even when cancelled meanwhile."""
    removal = asyncio.ensure_future(asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True))
    try:
        await asyncio.shield(removal)
    except asyncio.CancelledError:
        await removal
        raise
