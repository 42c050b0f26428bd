"""What is worked on: a claimed task, where its bytes come from, how far it is, and what the steps found out so far."""

import contextlib
import time
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from glimpse.database.pool import Actor
from glimpse.image import ImageRow
from glimpse.signatures import Signature
from glimpse.stores.measure import Measure, Measured
from schemas.vocabulary import ImportMethod, TaskType


@dataclass(frozen=True, slots=True)
class Task:
    """A task under our lease. `epoch` is ours alone: what is written without it, or with an older one, is refused."""

    id: str
    type: str
    image_id: str
    owner: str | None
    user_id: str | None
    request_id: str | None
    input: dict[str, Any]
    epoch: int
    attempts: int
    lease_owner: str
    error_code: str | None = None
    error_message: str | None = None
    """Why the try before this one failed."""
    caller: dict[str, Any] | None = field(default=None, repr=False)
    """Who asked, as far as the work needs it; gone when the task has ended."""

    def spelled_out(self, store: str) -> "Task":
        """Return a task of the older kind as the web-download that it asks for, into one store (IMG-726)."""
        if self.type != TaskType.IMPORT:
            return self
        method = {"name": ImportMethod.WEB_DOWNLOAD, "uri": self.input["import_from"]}
        return replace(self, input={"import_req": {"method": method}, "backend": [store]})

    @property
    def actor(self) -> Actor:
        """Who asked for it."""
        return Actor(user=self.user_id, project=self.owner, request_id=self.request_id, service="importer")

    @property
    def asked(self) -> dict[str, Any]:
        """The body of the request (IMG-485)."""
        asked: dict[str, Any] = self.input["import_req"]
        return asked

    @property
    def method(self) -> ImportMethod:
        """How the bytes arrive."""
        return ImportMethod(self.asked["method"]["name"])

    @property
    def is_location(self) -> bool:
        """Whether the bytes stay where they are, and only their place becomes known (IMG-544)."""
        return self.type == TaskType.LOCATION_IMPORT

    @property
    def location(self) -> str:
        """That place."""
        return str(self.input["loc_url"])

    @property
    def vouched_for(self) -> dict[str, str]:
        """Algorithm and digest that somebody vouched for there; nothing when nobody did."""
        return self.input.get("validation_data") or {}

    @property
    def stores(self) -> list[str]:
        """The names of the stores to fill; a location fills none."""
        return list(self.input.get("backend") or ())

    @property
    def all_stores_must_succeed(self) -> bool:
        """Whether one failing store fails the import (IMG-493, IMG-494)."""
        return bool(self.asked.get("all_stores_must_succeed", True))

    @property
    def expected_digests(self) -> dict[str, str]:
        """What the bytes as received must hash to, by algorithm (IMG-728)."""
        name, _, value = (self.asked["method"].get("digest") or "").partition(":")
        return {name: value.lower()} if value else {}

    @property
    def roles(self) -> frozenset[str]:
        """The roles of who asked, in lower case."""
        return frozenset((self.caller or {}).get("roles") or ())

    @property
    def keys_begin_with(self) -> str:
        """What the keys of every try of this task begin with."""
        return f"{self.image_id}/{self.id}."

    @property
    def key(self) -> str:
        """The key of what this try stores; no other try writes to it."""
        return f"{self.keys_begin_with}{self.epoch}"


@dataclass(frozen=True, slots=True)
class Described:
    """What another image service says of an image, as far as it is taken over."""

    disk_format: str
    container_format: str
    properties: dict[str, str]
    digests: dict[str, str]
    """What the bytes hash to, by algorithm."""


@dataclass(frozen=True, slots=True)
class Source:
    """Bytes that can be read once."""

    chunks: AsyncIterable[bytes]
    size: int | None
    path: Path | None = None
    """The file that they are in, when they are in one."""
    described: Described | None = None
    """How they are described where they come from."""


@dataclass(slots=True)
class Progress:
    """How far a try is, for whoever looks."""

    phase: str = "waiting"
    bytes_done: int = 0
    bytes_total: int | None = None
    percent: float | None = None
    """For phases that know nothing of bytes."""
    since: float = field(default_factory=time.monotonic)
    blobs: list[int] = field(default_factory=list)
    """Rows of copies on their way, whose leases are to be renewed."""

    def begin(self, phase: str, bytes_total: int | None = None) -> None:
        """Enter a phase."""
        self.phase, self.bytes_total = phase, bytes_total
        self.bytes_done, self.percent, self.since = 0, None, time.monotonic()

    async def counting(self, chunks: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
        """Yield chunks on, counted."""
        async for chunk in chunks:
            self.bytes_done += len(chunk)
            yield chunk

    def document(self) -> dict[str, Any]:
        """Show it as tasks do (IMG-729)."""
        percent = self.percent
        if percent is None and self.bytes_total:
            percent = 100 * self.bytes_done / self.bytes_total
        return {
            "phase": self.phase,
            "bytes_done": self.bytes_done,
            "bytes_total": self.bytes_total,
            "percent": None if percent is None else round(min(percent, 100.0), 1),
            "eta_at": self._eta_at(percent),
        }

    def _eta_at(self, percent: float | None) -> str | None:
        if not percent:
            return None
        spent = time.monotonic() - self.since
        left = timedelta(seconds=spent * max(100 - percent, 0) / percent)
        return (datetime.now(UTC) + left).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class Kept:
    """What the stores hold now."""

    blobs: dict[str, int]
    """The row of each copy, by store."""
    failed: dict[str, str]
    """Why stores have none, by store."""
    measured: Measured
    virtual_size: int | None


@dataclass(frozen=True, slots=True)
class Job:
    """One try of a task, as it goes from step to step."""

    task: Task
    image: ImageRow
    progress: Progress
    room: contextlib.AsyncExitStack
    """What is open or lent for as long as the try lasts."""
    disk_format: str
    """The format of what `source` gives; a conversion changes both."""
    source: Source | None = None
    signature: Signature | None = None
    """What the bytes as they come are to be verified with."""
    arriving: Measure | None = None
    """What looks at the bytes as they come, when they are not stored like that."""
    arrived_as: str | None = None
    """What they came as: a disk format, or a way to compress."""
    promised_digests: dict[str, str] = field(default_factory=dict)
    """What the source says that its bytes hash to."""
    properties: dict[str, str] = field(default_factory=dict)
    """What the image gets besides its bytes."""
    kept: Kept | None = None

    @property
    def expected_digests(self) -> dict[str, str]:
        """What the bytes as they come must hash to, by algorithm; the caller has the last word."""
        return {**self.promised_digests, **self.task.expected_digests}

    @property
    def received(self) -> Measured | None:
        """What the bytes were as they came; None when they are stored like that."""
        return self.arriving.result() if self.arriving is not None else None

    def algorithms(self, usual: str) -> tuple[str, ...]:
        """Return what to hash bytes with as they come."""
        return (usual, self.signature.algorithm) if self.signature is not None else (usual,)

    def opened(self) -> Source:
        """Return where the bytes are."""
        assert self.source is not None, "the first step opens the source"
        return self.source
