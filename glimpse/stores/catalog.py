"""The configured stores, by name."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from glimpse import settings
from glimpse.errors import Invalid, NotFound
from glimpse.stores.filesystem import FilesystemStore
from glimpse.stores.http import HttpStore
from glimpse.stores.store import Store
from schemas.vocabulary import STAGING

RESERVED = "os_glance_"


class _InStore(Protocol):
    @property
    def store(self) -> str: ...


InStore = TypeVar("InStore", bound=_InStore)
"""A copy of bytes, which knows the name of its store."""


class Catalog:
    """Every store of a deployment, staging included."""

    def __init__(self, stores: Mapping[str, Store], staging: Store, default: str) -> None:
        self._stores = dict(stores)
        self._staging = staging
        self.default = default

    def get(self, name: str) -> Store:
        """Return a store, or staging. Raises NotFound when no store has the name."""
        if name == STAGING:
            return self._staging
        try:
            return self._stores[name]
        except KeyError:
            raise NotFound(f"there is no store {name}; there are {', '.join(self._stores)}") from None

    @property
    def staging(self) -> Store:
        """The store that staged bytes wait in."""
        return self._staging

    @property
    def names(self) -> list[str]:
        """The names that users may say, in configured order (IMG-254)."""
        return list(self._stores)

    def listed(self) -> list[Store]:
        """Return the stores that users see, in configured order."""
        return list(self._stores.values())

    def all(self) -> list[Store]:
        """Return every store, staging last."""
        return [*self._stores.values(), self._staging]

    def named_by(self, url: str) -> tuple[Store, str]:
        """Return the store that a URL of somebody's is of, and the key there. Raises Invalid when it can not be used.

        What the URL is stays untold: there may be a secret in it.
        """
        for store in self._stores.values():
            if (key := store.key_of(url)) is not None:
                return store, key
        raise Invalid("Invalid location: no store here takes URLs of this scheme")

    def by_weight(self, names: Iterable[str]) -> list[str]:
        """Sort the names of copies in the order in which they are read (IMG-439); unknown stores weigh nothing."""
        return sorted(names, key=self._lightness)

    def sorted_by_weight(self, copies: Iterable[InStore]) -> list[InStore]:
        """Sort copies in that order; those of one store, or of stores of one weight, stay as they are listed."""
        return sorted(copies, key=lambda copy: self._lightness(copy.store))

    def _lightness(self, name: str) -> int:
        return -self._stores[name].weight if name in self._stores else 0


def open_catalog(configured: settings.Settings) -> Catalog:
    """Open every configured store. Raises Invalid when two share a directory, StoreError when one can not be used."""
    stores, staging = built(configured)
    for store in (*stores.values(), staging):
        store.open()
    return Catalog(stores, staging, configured.main_store)


def obstacles(configured: settings.Settings) -> Iterator[str]:
    """Say what would keep the stores from being opened, or from taking bytes; nothing is made or marked."""
    try:
        stores, staging = built(configured)
    except Invalid as error:
        yield error.message
        return
    for store in (*stores.values(), staging):
        yield from store.obstacles()


def built(configured: settings.Settings) -> tuple[dict[str, FilesystemStore | HttpStore], FilesystemStore]:
    """Return the stores and staging as they are configured, not opened. Raises Invalid."""
    if not configured.stores:
        raise Invalid("no store is configured: add a section [stores.NAME] with its paths")
    reserved = [name for name in configured.stores if name.startswith(RESERVED)]
    if reserved:
        raise Invalid(f"{reserved[0]} is no name for a store: names that begin with {RESERVED} are reserved (OP-55)")
    stores: dict[str, FilesystemStore | HttpStore] = {
        name: HttpStore(name, options, configured.import_) if options.type == "http" else FilesystemStore(name, options)
        for name, options in configured.stores.items()
    }
    staging = FilesystemStore(STAGING, configured.staging)
    _refuse_shared_directories([store for store in (*stores.values(), staging) if isinstance(store, FilesystemStore)])
    return stores, staging


def _refuse_shared_directories(stores: Iterable[FilesystemStore]) -> None:
    """Raise Invalid where one directory is another's, or lies in it: what is in it would seem nobody's (OP-57)."""
    owners: dict[Path, str] = {}
    for store in stores:
        for directory in store.directories:
            path = directory.path.resolve()
            for other, owner in owners.items():
                if path == other:
                    raise Invalid(f"stores {owner} and {store.name} share {path}: give each its own (OP-57)")
                if path.is_relative_to(other) or other.is_relative_to(path):
                    raise Invalid(
                        f"directories of stores {owner} and {store.name} lie in each other, {other} and {path}: "
                        "put them side by side (OP-57)"
                    )
            owners[path] = store.name
