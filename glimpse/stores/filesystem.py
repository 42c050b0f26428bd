"""Bytes in files. Needs directories that the process can read and write, on a filesystem with `fsync`, hard links and
atomic `rename`; every process that uses the store must see the same directories.

    <directory>/.glimpse-store        which store this directory belongs to; without it the volume is not mounted
    <directory>/<key>                 whole, synced bytes; written once
    <directory>/.part/<key, quoted>   bytes on their way; what a crash leaves here goes when its key is deleted
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote

from glimpse import settings
from glimpse.errors import Conflict, Invalid, NotFound, StoreError
from glimpse.stores import durable
from glimpse.stores.gathering import LARGEST
from glimpse.stores.store import StoredObject
from glimpse.stores.threads import Threads

MARKER = ".glimpse-store"
PART = ".part"
READ_SIZE = 1024 * 1024


class FilesystemStore:
    """A store of files in one or several directories."""

    kind = "file"
    read_only = False

    def __init__(self, name: str, options: settings.Store | settings.Staging) -> None:
        self.name = name
        self.weight: int = getattr(options, "weight", 0)
        self.description: str | None = getattr(options, "description", None)
        self.directories = tuple(options.paths)
        self._threads = Threads(f"store {name}")

    def open(self) -> None:
        """Make the directories and mark them as this store's. Raises StoreError when they are another one's."""
        for directory in self.directories:
            with durable.failures(f"store {self.name}"):
                (directory.path / PART).mkdir(parents=True, exist_ok=True)
                _mark(directory.path / MARKER, self.name)

    def was_opened(self) -> bool:
        """Say whether a directory is marked as a store's; of one whose volume is not mounted, none is."""
        return any((directory.path / MARKER).exists() for directory in self.directories)

    def obstacles(self) -> Iterator[str]:
        """Say what would keep the store from being opened, or from taking bytes; nothing is made or marked."""
        for directory in self.directories:
            marker = directory.path / MARKER
            if obstacle := obstacle_to(directory.path):
                yield f"store {self.name}: {obstacle}"
                continue
            try:
                _refuse_another(marker, self.name)
            except FileNotFoundError:  # not opened yet
                continue
            except OSError as error:
                yield f"store {self.name}: can not read {marker}: {error.strerror}"
            except StoreError as error:
                yield error.message

    def key_of(self, url: str) -> str | None:
        """See Store.key_of: files are never taken from where a URL says, whatever it says (IMG-360)."""
        return None

    async def write(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """See Store.write."""
        _check_key(key)
        directory = await self._threads.run(self._roomiest)
        part = directory / PART / _part_of(key)
        file = await self._begun(part, key)
        try:
            kept = await durable.fill(file, chunks, self._threads)
            await self._threads.run(durable.finish, file, part, directory / key)
        except BaseException:
            await asyncio.shield(self._threads.run(durable.abandon, file, part))
            raise
        return kept

    async def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """See Store.read."""
        path = await self._threads.run(self._found, key)
        if path is None:
            raise NotFound(f"store {self.name} has no {key}")
        left = length
        with durable.failures(f"store {self.name}"):
            file = await self._threads.run(path.open, "rb", buffering=0)
            try:
                await self._threads.run(file.seek, offset)
                while left is None or left > 0:
                    chunk = await self._threads.run(file.read, READ_SIZE if left is None else min(READ_SIZE, left))
                    if not chunk:
                        if left is not None:
                            raise StoreError(f"store {self.name} holds less of {key} than was asked for")
                        return
                    left = None if left is None else left - len(chunk)
                    yield chunk
            finally:
                await self._threads.run(file.close)

    async def size(self, key: str) -> int | None:
        """See Store.size."""
        path = await self._threads.run(self._found, key)
        return None if path is None else (await self._threads.run(path.stat)).st_size

    async def delete(self, key: str) -> None:
        """See Store.delete."""
        if not key.startswith(f"{PART}/"):
            _check_key(key)
        await self._threads.run(self._delete, key)

    async def list_objects(self) -> AsyncIterator[StoredObject]:
        """See Store.list_objects."""
        await self._threads.run(self._require_marks)
        for directory in self.directories:
            walk = self._walk(directory.path)
            while page := await self._threads.run(_next_page, walk):
                for stored in page:
                    yield stored

    async def check(self) -> None:
        """See Store.check: every directory is there, ours, and takes a file."""
        await self._threads.run(self._check)

    async def free_bytes(self) -> int | None:
        """See Store.free_bytes."""
        return await self._threads.run(lambda: max(_free(directory.path) for directory in self.directories))

    def url(self, key: str) -> str:
        """See Store.url."""
        first = self.directories[0].path / key
        path = first if len(self.directories) == 1 else self._existing(key) or first
        return f"file://{path.absolute()}"

    def local_path(self, key: str) -> Path | None:
        """See Store.local_path."""
        return self._existing(key)

    def properties(self) -> dict[str, Any]:
        """See Store.properties."""
        paths = [str(directory.path) for directory in self.directories]
        return {
            "data_dir": paths[0] if len(paths) == 1 else paths,
            "chunk_size": LARGEST,
            "thin_provisioning": False,
        }

    def _roomiest(self) -> Path:
        """Pick the directory to write to: the highest priority first, the most free space among equals."""
        self._require_marks()
        with durable.failures(f"store {self.name}"):
            best = max(self.directories, key=lambda directory: (directory.priority, _free(directory.path)))
        return best.path

    async def _begun(self, part: Path, key: str) -> BinaryIO:
        """Open the file; when cancelled meanwhile, what the thread opens all the same is given up."""
        opening = asyncio.ensure_future(self._threads.run(self._begin, part, key))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            await asyncio.wait([opening])
            if opening.exception() is None:
                await self._threads.run(durable.abandon, opening.result(), part)
            raise

    def _begin(self, part: Path, key: str) -> BinaryIO:
        if self._existing(key) is not None:
            raise Conflict(f"store {self.name} has {key} already: a key is written once")
        with durable.failures(f"store {self.name}"):
            part.parent.mkdir(exist_ok=True)
            try:
                return part.open("xb", buffering=0)
            except FileExistsError:
                raise Conflict(f"store {self.name} is being sent {key} already: a key is written once") from None

    def _existing(self, key: str) -> Path | None:
        _check_key(key)
        return next((found for each in self.directories if (found := each.path / key).is_file()), None)

    def _found(self, key: str) -> Path | None:
        """Return the file of a key; None only when every directory is there to say so."""
        path = self._existing(key)
        if path is None:
            self._require_marks()
        return path

    def _require_marks(self) -> None:
        """Raise StoreError unless every directory is this store's: of an empty mount point all bytes seem gone."""
        for directory in self.directories:
            with durable.failures(f"store {self.name}"):
                try:
                    _refuse_another(directory.path / MARKER, self.name)
                except (FileNotFoundError, NotADirectoryError):
                    raise StoreError(
                        f"store {self.name} does not find {directory.path / MARKER}: mount its volume"
                    ) from None

    def _delete(self, key: str) -> None:
        self._require_marks()
        for directory in self.directories:
            path = directory.path / key
            with durable.failures(f"store {self.name}"):
                # what a dead writer left goes, and what a sleeping one still writes can never be taken for whole
                (directory.path / PART / _part_of(key)).unlink(missing_ok=True)
                try:
                    path.unlink()
                except (FileNotFoundError, NotADirectoryError):
                    continue
                try:
                    durable.sync_folder(path.parent)
                except FileNotFoundError:  # it went with another key just now
                    durable.sync_folder(path.parent.parent)
                if path.parent not in (directory.path, directory.path / PART):
                    with contextlib.suppress(OSError):  # another key is still in it, or was just put there
                        path.parent.rmdir()

    def _check(self) -> None:
        self._require_marks()
        for directory in self.directories:
            with durable.failures(f"store {self.name}"):
                if not os.access(directory.path / PART, os.W_OK | os.X_OK):
                    raise StoreError(f"store {self.name} can not write to {directory.path}: check its permissions")

    def _walk(self, root: Path) -> Iterator[StoredObject]:
        for folder, _folders, names in os.walk(root):
            for name in names:
                path = Path(folder) / name
                if path == root / MARKER:
                    continue
                with contextlib.suppress(FileNotFoundError):
                    stat = path.stat()
                    modified_at = datetime.fromtimestamp(stat.st_mtime, UTC)
                    part_of = unquote(name) if path.parent == root / PART else None
                    yield StoredObject(str(path.relative_to(root)), stat.st_size, modified_at, part_of)


def obstacle_to(directory: Path) -> str | None:
    """Say why files can not be put into a directory, which is made when it is not there; None when they can."""
    if not directory.is_absolute():
        return f"{directory} is no absolute path"
    there = next(path for path in (directory, *directory.parents) if path.exists())
    if not there.is_dir():
        return f"{there} is no directory"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"{there} can not be written to: check its permissions"
    return None


def _mark(marker: Path, name: str) -> None:
    try:
        with marker.open("x") as file:
            file.write(f"{name}\n")
    except FileExistsError:
        _refuse_another(marker, name)


def _refuse_another(marker: Path, name: str) -> None:
    owner = marker.read_text().strip()
    if owner != name:
        raise StoreError(
            f"{marker.parent} belongs to store {owner}, not to {name}: give each store a directory of its own"
        )


def _free(path: Path) -> int:
    stat = os.statvfs(path)
    return stat.f_bavail * stat.f_frsize


def _part_of(key: str) -> str:
    """Return the name under which a key's bytes arrive: deleting the key finds it, whoever was writing."""
    return quote(key, safe="")


def _next_page(walk: Iterator[StoredObject]) -> list[StoredObject]:
    return [stored for _number, stored in zip(range(1000), walk, strict=False)]


def _check_key(key: str) -> None:
    """Refuse what would leave the store's directories. Raises Invalid."""
    parts = key.split("/")
    if not key or "\0" in key or any(part in ("", ".", "..") or part.startswith(".") for part in parts):
        raise Invalid(f"{key!r} is no key: parts between slashes, none empty, none with a dot in front")
