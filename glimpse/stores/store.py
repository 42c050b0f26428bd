"""What a store promises. Every adapter is held to it by the same suite (tests/contract/test_stores.py)."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class StoredObject:
    """Bytes that a store holds under a key, left-overs of broken writes included."""

    key: str
    size: int
    modified_at: datetime
    part_of: str | None = None
    """The key under which these bytes are on their way, or were when their writer died; None when they are whole."""


def told(key: str) -> str:
    """Return a key as logs may have it: what is behind the host of a URL may be a secret."""
    scheme, is_url, rest = key.partition("://")
    return f"{scheme}://{rest.partition('/')[0].rpartition('@')[2]}/..." if is_url else key


class Store(Protocol):
    """Somewhere bytes are kept. A key is written once, and its bytes never change."""

    name: str
    kind: str
    read_only: bool
    weight: int
    description: str | None

    def key_of(self, url: str) -> str | None:
        """Return the key under which bytes at a URL of somebody's can be read; None when the store has no such URLs.

        Raises Invalid for a URL of its kind that may not be used.
        """
        ...

    async def write(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Keep every chunk durably and return how many bytes that is, or keep nothing and raise.

        Whatever the chunks raise comes out as it is. Raises Conflict when the key is taken, StoreFull when there is
        no room, StoreError for any other failure. Memory stays bounded.
        """
        ...

    def read(self, key: str, offset: int = 0, length: int | None = None) -> AsyncIterator[bytes]:
        """Yield exactly the bytes asked for. Raises NotFound when there is no such key."""
        ...

    async def size(self, key: str) -> int | None:
        """Return how many bytes are under a key; None when there is no such key."""
        ...

    async def delete(self, key: str) -> None:
        """Remove a key, whole or still on its way; that it is gone already is no error.

        Whoever was writing it fails, and what a dead writer left of it goes. Raises StoreError when it can not be
        removed. A store that only reads leaves bytes alone: they are not ours.
        """
        ...

    def list_objects(self) -> AsyncIterator[StoredObject]:
        """Yield everything the store holds; each key can be given to `delete`."""
        ...

    async def check(self) -> None:
        """Raise StoreError, saying what to do, when the store can not be used."""
        ...

    async def free_bytes(self) -> int | None:
        """Return how much more fits; None when the store can not tell."""
        ...

    def url(self, key: str) -> str:
        """Return the URL of a location, without credentials (IMG-724); it may have to look, so ask in a thread."""
        ...

    def local_path(self, key: str) -> Path | None:
        """Return the file that holds a key's bytes, for those who can use one; None when there is none."""
        ...

    def properties(self) -> dict[str, Any]:
        """Return what administrators see of the store (IMG-571)."""
        ...
