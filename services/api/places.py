"""The locations of an image while a PATCH changes them, in the order of the contract's checks (section 12, AC-91)."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import new as hasher
from typing import Any

from glimpse import settings
from glimpse.errors import Conflict, Forbidden, Invalid
from glimpse.image import ImageRow
from schemas.vocabulary import Status
from services.api import limits
from services.api.patches import Change


@dataclass(frozen=True, slots=True)
class Found:
    """What was found at a URL that nobody has named before."""

    store: str
    key: str
    size: int


@dataclass(frozen=True, slots=True)
class Place:
    """One location, by the URL that is shown of it: a copy that has a row, or one that was found just now."""

    url: str
    metadata: dict[str, Any]
    copy: int | None = None
    found: Found | None = None


class Places:
    """The list of an image's locations, and what it makes of the image. `find` raises Invalid for a useless URL."""

    def __init__(
        self, image: ImageRow, held: Sequence[Place], find: Callable[[str], Found], rules: settings.Images
    ) -> None:
        self._image, self._find, self._rules = image, find, rules
        self.listed = list(held)
        self.status = image.status
        self.size = image.size
        self.checksum, self.os_hash_algo, self.os_hash_value = image.checksum, image.os_hash_algo, image.os_hash_value
        self.is_changed = False

    def change(self, change: Change) -> None:
        """Make one change. Raises Conflict, Forbidden, Invalid and TooLarge."""
        if change.op == "remove":
            self._remove(change.place or "-")
        else:
            if self.status not in (Status.QUEUED, Status.ACTIVE):
                raise Conflict(f"the image is {self.status}: locations are added to queued and active ones only")
            entries = [_cleared(entry) for entry in (change.value if change.op == "replace" else [change.value])]
            for entry in entries:
                self._believe(entry.get("validation_data"))
            if change.op == "add":
                self._add(entries[0], change.place or "-")
            else:
                self._replace(entries)
            self.status = Status.ACTIVE
        self.is_changed = True

    def applied_to(self, image: ImageRow) -> ImageRow:
        """Return what an image is with these locations, but for its status and its stores."""
        return replace(
            image,
            size=self.size,
            checksum=self.checksum,
            os_hash_algo=self.os_hash_algo,
            os_hash_value=self.os_hash_value,
        )

    def _remove(self, place: str) -> None:
        if self.status is not Status.ACTIVE:
            raise Conflict(f"the image is {self.status}: locations are removed from active ones only")
        if len(self.listed) < 2:
            raise Forbidden("The last location of an image can not be removed; delete the image instead.")
        at = len(self.listed) - 1 if place == "-" else _position(place)
        if at >= len(self.listed):
            raise Invalid(f"there is no location {place}: the image has {len(self.listed)}")
        del self.listed[at]

    def _add(self, entry: dict[str, Any], place: str) -> None:
        limits.check_locations(len(self.listed) + 1, self._rules)
        added = self._new(entry)
        self.listed.insert(len(self.listed) if place == "-" else _position(place), added)

    def _replace(self, entries: list[dict[str, Any]]) -> None:
        """Set the locations of an image that has none; of others, change order and metadata (IMG-359)."""
        limits.check_locations(len(entries), self._rules)
        if not self.listed:
            for entry in entries:
                self.listed.append(self._new(entry))
            return
        if Counter(entry["url"] for entry in entries) != Counter(place.url for place in self.listed):
            raise Invalid("an image that has locations keeps them: replacing changes their metadata only")
        left, self.listed = self.listed, []
        for entry in entries:
            self._refuse_twice(entry)
            same = next(place for place in left if place.url == entry["url"])
            left.remove(same)
            self.listed.append(replace(same, metadata=entry["metadata"]))

    def _new(self, entry: dict[str, Any]) -> Place:
        self._refuse_twice(entry)
        found = self._find(entry["url"])
        if self.size is not None and found.size != self.size:
            raise Invalid(f"the location has {found.size} bytes, and the image {self.size}: these are not its bytes")
        self.size = found.size
        return Place(entry["url"], entry["metadata"], found=found)

    def _refuse_twice(self, entry: dict[str, Any]) -> None:
        if any(place.url == entry["url"] and place.metadata == entry["metadata"] for place in self.listed):
            raise Invalid("the image has this location already, with the same metadata")

    def _believe(self, said: dict[str, str] | None) -> None:
        """Take over digests that nobody has verified, on an image that has none. Raises Conflict (IMG-364)."""
        if said is None:
            return
        wanted = {"os_hash_algo": said["os_hash_algo"], "os_hash_value": said["os_hash_value"].lower()}
        if "checksum" in said:
            wanted["checksum"] = said["checksum"].lower()
        news = {name: value for name, value in wanted.items() if getattr(self, name) is None}
        for name, value in wanted.items():
            if name not in news and getattr(self, name) != value:
                raise Conflict(f"{name} of the location is {value}, and of the image {getattr(self, name)}")
        if not news:
            return
        if self._image.status is not Status.QUEUED:
            raise Conflict("digests are only taken for an image that is queued")
        if wanted["os_hash_algo"] != self._rules.hashing_algorithm:
            raise Conflict(f"os_hash_algo is {wanted['os_hash_algo']}; here it is {self._rules.hashing_algorithm}")
        digests = {"md5": wanted["checksum"]} if "checksum" in wanted else {}
        for name, value in (*digests.items(), (wanted["os_hash_algo"], wanted["os_hash_value"])):
            if not is_digest(name, value):
                raise Conflict(f"{value!r} is no digest of {name}, in hex")
        for name, value in news.items():
            setattr(self, name, value)


def _position(place: str) -> int:
    """Read a position; one with too many digits for any list is far behind its end."""
    return int(place) if len(place) < 10 else 10**9


def _cleared(entry: dict[str, Any]) -> dict[str, Any]:
    """Return a location without what its metadata say about the store: that is known by the URL (IMG-363)."""
    return {**entry, "metadata": {name: value for name, value in entry["metadata"].items() if name != "store"}}


def is_digest(algorithm: str, value: str) -> bool:
    """Say whether a text is a digest in hex, as long as those of a hashlib algorithm."""
    digits = hasher(algorithm, usedforsecurity=False).digest_size * 2
    return re.fullmatch(rf"[0-9a-fA-F]{{{digits}}}", value) is not None
