"""Clients who make, fill, import, delete and restore images while everything around them is killed.

Each remembers what it was told, and so what each of its images may be once everything has come to rest: a promise that
was acknowledged leaves one possibility, a request that was never answered leaves two. Nobody cleans up behind itself.
"""

import asyncio
import contextlib
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

OCTETS = {"Content-Type": "application/octet-stream"}
V21 = {"Content-Type": "application/openstack-images-v2.1-json-patch"}
FEW_SECONDS = aiohttp.ClientTimeout(total=30)

MANY = 60
"""Images at rest; from there on they are deleted first."""

ABSENT, QUEUED, STAGED, ACTIVE, GONE = "absent", "queued", "uploading", "active", "deleted"
"""What an image may be at rest."""


class NotAnswered(Exception):
    """What became of a request is not known."""


class Refused(AssertionError):
    """A request was refused that nothing speaks against."""


@dataclass
class Image:
    """An image as its client knows it."""

    content: bytes
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    may_be: frozenset[str] = frozenset({ABSENT})
    story: list[str] = field(default_factory=list)
    """What was asked, and what came of it."""


@dataclass
class Users:
    """All clients together, and what they know."""

    url: str
    web: str
    contents: list[bytes]
    """What images are made of; `web` serves number n as /n, and as a disk that wants conversion as /n.qcow2."""
    dice: random.Random
    images: list[Image] = field(default_factory=list)
    idle: list[Image] = field(default_factory=list)
    """Those that are surely active, with nobody at them."""
    answers: Counter[str] = field(default_factory=Counter)
    odd: list[str] = field(default_factory=list)
    """Answers that say that something is broken inside, which never should be."""
    pause: asyncio.Event = field(default_factory=asyncio.Event)

    async def live(self) -> None:
        """Make one image's story after another, until asked to pause."""
        stories: list[tuple[Callable[[aiohttp.ClientSession], Awaitable[None]], int]] = [
            (self._uploads, 6),
            (self._hangs_up, 2),
            (self._imports_what_is_staged, 4),
            (self._downloads_from_the_web, 3),
            (self._has_a_disk_converted, 1),
            (self._changes_one, 3),
            (self._copies_one, 2),
            (self._deletes_one, 6),
            (self._restores_one, 4),
        ]
        tellers, weights = zip(*stories, strict=True)
        async with aiohttp.ClientSession(self.url, timeout=FEW_SECONDS) as session:
            session._retry_connection = False  # else it asks twice when it was not answered, and says nothing of it
            while not self.pause.is_set():
                (tell,) = self.dice.choices(tellers, weights)
                if len(self.idle) > MANY:
                    tell = self._deletes_one
                try:
                    await tell(session)
                except NotAnswered:
                    await asyncio.sleep(self.dice.random())

    async def _uploads(self, session: aiohttp.ClientSession) -> None:
        image = await self._made(session)
        path = f"/v2/images/{image.id}/file"
        if await self._send(session, image, path, ACTIVE):
            self.idle.append(image)

    async def _hangs_up(self, session: aiohttp.ClientSession) -> None:
        image = await self._made(session)

        async def half() -> Any:
            yield image.content[: len(image.content) // 2]
            raise ConnectionResetError

        path = f"/v2/images/{image.id}/{self.dice.choice(('file', 'stage'))}"
        headers = OCTETS | {"Content-Length": str(len(image.content) + 1)}
        image.story.append(f"half of PUT {path}")
        try:
            async with session.put(path, data=half(), headers=headers):
                pass
        except (TimeoutError, aiohttp.ClientError, OSError):
            return

    async def _imports_what_is_staged(self, session: aiohttp.ClientSession) -> None:
        image = await self._made(session)
        path = f"/v2/images/{image.id}/stage"
        if await self._send(session, image, path, STAGED):
            await self._import(session, image, {"name": "glance-direct"})

    async def _downloads_from_the_web(self, session: aiohttp.ClientSession) -> None:
        image = await self._made(session)
        uri = f"{self.web}/{self.contents.index(image.content)}"
        await self._import(session, image, {"name": "web-download", "uri": uri})

    async def _has_a_disk_converted(self, session: aiohttp.ClientSession) -> None:
        image = await self._made(session, disk_format="qcow2")
        image.content = self.contents[-1]
        await self._import(session, image, {"name": "web-download", "uri": f"{self.web}/disk.qcow2"})

    async def _changes_one(self, session: aiohttp.ClientSession) -> None:
        image = self._take_one()
        if image:
            change = [{"op": "replace", "path": "/name", "value": f"name {self.dice.random()}"}]
            await self._ask(
                session, image, "PATCH", f"/v2/images/{image.id}", {ACTIVE}, {200}, json=change, headers=V21
            )
            self.idle.append(image)

    async def _copies_one(self, session: aiohttp.ClientSession) -> None:
        """Copy an image to another store; that it has one there already is an answer, too."""
        image = self._take_one()
        if image:
            wish = {"method": {"name": "copy-image"}, "stores": ["cheap"]}
            path = f"/v2/images/{image.id}/import"
            await self._ask(session, image, "POST", path, {ACTIVE}, {202, 400, 409}, json=wish)

    async def _deletes_one(self, session: aiohttp.ClientSession) -> None:
        image = self._take_one()
        if image:
            await self._ask(session, image, "DELETE", f"/v2/images/{image.id}", {GONE}, {204})

    async def _restores_one(self, session: aiohttp.ClientSession) -> None:
        image = self._take_one()
        if image is None:
            return
        await self._ask(session, image, "DELETE", f"/v2/images/{image.id}", {GONE}, {204})
        path = f"/v2/images/{image.id}/actions/restore"
        if await self._ask(session, image, "POST", path, {ACTIVE}, {202, 404, 409}) != 202:
            image.may_be = frozenset({GONE})  # its grace was over

    async def _made(self, session: aiohttp.ClientSession, **members: str) -> Image:
        image = Image(self.dice.choice(self.contents[:-1]))
        self.images.append(image)
        wish = {"id": image.id, "disk_format": "raw", "container_format": "bare"} | members
        await self._ask(session, image, "POST", "/v2/images", {QUEUED}, {201}, json=wish)
        return image

    async def _send(self, session: aiohttp.ClientSession, image: Image, path: str, then: str) -> bool:
        """Send an image's bytes; they may be given up meanwhile, when who takes them sleeps for too long."""
        status = await self._ask(session, image, "PUT", path, {then}, {204, 410}, data=image.content, headers=OCTETS)
        return status == 204

    async def _import(self, session: aiohttp.ClientSession, image: Image, method: dict[str, str]) -> None:
        path = f"/v2/images/{image.id}/import"
        await self._ask(session, image, "POST", path, {ACTIVE}, {202}, json={"method": method})
        for _ in range(self.dice.choice((1, 40))):  # some look, none helps
            if self.pause.is_set():
                return
            with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
                async with session.get(f"/v2/images/{image.id}") as answer:
                    if answer.status == 200 and (await answer.json())["status"] == ACTIVE:
                        self.idle.append(image)
                        return
            await asyncio.sleep(0.25)

    def _take_one(self) -> Image | None:
        return self.idle.pop(self.dice.randrange(len(self.idle))) if self.idle else None

    async def _ask(
        self,
        session: aiohttp.ClientSession,
        image: Image,
        method: str,
        path: str,
        then: set[str],
        good: set[int],
        **body: Any,
    ) -> int:
        """Make a request. Raises NotAnswered when it may or may not have been heard, Refused when it should not be."""
        before, image.may_be = image.may_be, image.may_be | then
        said = ""
        try:
            async with session.request(method, path, **body) as answer:
                status, said = answer.status, (await answer.read())[:200].decode(errors="replace")
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            self.answers["none"] += 1
            image.story.append(f"{method} {path}: {type(error).__name__}")
            raise NotAnswered from error
        self.answers[str(status)] += 1
        image.story.append(f"{method} {path}: {status} {said if status >= 400 else ''}")
        if status == 500:
            self.odd.append(image.story[-1])
        if status >= 500:
            raise NotAnswered
        if status not in good:
            raise Refused(f"image {image.id}: {image.story}")
        image.may_be = frozenset(then if status < 300 else before)
        return status

    async def verify(self, session: aiohttp.ClientSession, status_of: dict[str, str]) -> list[str]:
        """Hold everything that was promised against what there is; returns what differs."""
        wrong = []
        for image in self.images:
            status = status_of.get(image.id, ABSENT)
            if status not in image.may_be:
                wrong.append(f"{image.id} is {status}, may be {sorted(image.may_be)}: {image.story}")
            elif status == ACTIVE:
                async with session.get(f"/v2/images/{image.id}/file") as answer:
                    content = await answer.read()
                if answer.status != 200 or content != image.content:
                    wrong.append(f"{image.id}: other bytes ({answer.status}, {len(content)}): {image.story}")
        return wrong

    def settle(self, status_of: dict[str, str]) -> None:
        """Take everything as it is now, after it was verified: what is active is there for new stories."""
        self.images = [image for image in self.images if status_of.get(image.id) == ACTIVE]
        for image in self.images:
            image.may_be = frozenset({ACTIVE})
        self.idle = list(self.images)
