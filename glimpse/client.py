"""A small client of the Image API: what `glimpse image ...` does, over HTTP like everybody else."""

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import aiohttp
from yarl import URL

from glimpse.errors import GlimpseError, NotFound, Unavailable

CHUNK = 1024 * 1024

Progress = Callable[[str, int, int | None], None]
"""Told what is being done, how many bytes of it are done, and of how many."""


class Refused(GlimpseError):
    """The service said no; the text is its own."""


@dataclass(frozen=True)
class Client:
    """An open session with one service. Use `async with Client.open(...)`."""

    session: aiohttp.ClientSession
    base: str

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, base: str, token: str | None) -> AsyncIterator[Self]:
        """Open a session; `base` is the service's URL, with or without `/v2` at its end."""
        if not _is_url(base):
            raise Refused(f"{base} is no URL of a service: it begins with http:// or https://")
        headers = {"Accept": "application/json", **({"X-Auth-Token": token} if token else {})}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
        async with aiohttp.ClientSession(headers=headers, timeout=timeout) as session:
            yield cls(session, base.rstrip("/").removesuffix("/v2"))

    async def json(self, method: str, path: str, **options: Any) -> Any:
        """Make a call and return what the answer holds. Raises Refused, NotFound, Unavailable."""
        async with self.answer(method, path, **options) as response:
            return await response.json() if response.content_type == "application/json" else None

    @contextlib.asynccontextmanager
    async def answer(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make a call and lend the answer while its body is read."""
        try:
            async with self.session.request(method, f"{self.base}{path}", **options) as response:
                if response.status >= 400:
                    raise await _refusal(response)
                yield response
        except aiohttp.ClientConnectorError as error:
            raise Unavailable(f"nobody answers at {self.base}: {error.strerror or error}") from error
        except aiohttp.ClientError as error:
            raise Unavailable(f"the connection to {self.base} broke: {error}") from error

    async def find(self, wanted: str) -> dict[str, Any]:
        """Return the image with this id, or the only one with this name."""
        with contextlib.suppress(NotFound):
            found: dict[str, Any] = await self.json("GET", f"/v2/images/{wanted}")
            return found
        page = await self.json("GET", "/v2/images", params={"name": f"eq:{wanted}", "limit": "2"})
        if len(page["images"]) > 1:
            raise Refused(f"several images are named {wanted}: say the id")
        if not page["images"]:
            raise NotFound(f"no image has the id or the name {wanted}")
        image: dict[str, Any] = page["images"][0]
        return image

    async def list_images(
        self, filters: Mapping[str, str], limit: int | None, path: str = "/v2/images"
    ) -> list[dict[str, Any]]:
        """Return images page by page until there are no more, or `limit` of them."""
        found: list[dict[str, Any]] = []
        page = await self.json("GET", path, params=dict(filters))
        while True:
            found += page["images"]
            if (limit is not None and len(found) >= limit) or "next" not in page:
                return found[:limit]
            page = await self.json("GET", page["next"])

    async def create(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """Create an image without bytes."""
        image: dict[str, Any] = await self.json("POST", "/v2/images", json=dict(members))
        return image

    async def send(self, path: str, file: Path, progress: Progress, headers: Mapping[str, str]) -> str:
        """PUT a file's bytes and return their SHA-512."""
        digest = hashlib.sha512()
        size = (await asyncio.to_thread(file.stat)).st_size

        async def chunks() -> AsyncIterator[bytes]:
            done = 0
            with file.open("rb") as source:
                while chunk := await asyncio.to_thread(source.read, CHUNK):
                    digest.update(chunk)
                    yield chunk
                    done += len(chunk)
                    progress("sending", done, size)

        sent = {"Content-Type": "application/octet-stream", "x-openstack-image-size": str(size), **headers}
        async with self.answer("PUT", path, data=chunks(), headers=sent):
            return digest.hexdigest()

    async def receive(self, image: Mapping[str, Any], target: Path, progress: Progress) -> None:
        """Write an image's bytes to a file that appears only when they are verified. Raises Refused."""
        _require_place(target)
        part = target.with_name(target.name + ".part")
        digest = hashlib.new(image["os_hash_algo"]) if image["os_hash_algo"] else None
        try:
            with part.open("wb") as sink:
                await self._receive_into(sink, digest, image, progress)
            if digest is not None and digest.hexdigest() != image["os_hash_value"]:
                raise Refused(
                    f"the bytes do not match the image: {image['os_hash_algo']} is {digest.hexdigest()}, "
                    f"should be {image['os_hash_value']}"
                )
            os.replace(part, target)
        except OSError as error:
            raise Refused(f"can not write {target}: {error.strerror}") from None
        finally:
            part.unlink(missing_ok=True)

    async def _receive_into(self, sink: Any, digest: Any, image: Mapping[str, Any], progress: Progress) -> None:
        done = 0
        async with self.answer("GET", f"/v2/images/{image['id']}/file") as response:
            if response.status == 204:
                raise Refused(f"image {image['id']} has no bytes: its status is {image['status']}")
            async for chunk in response.content.iter_chunked(CHUNK):
                if digest is not None:
                    digest.update(chunk)
                await asyncio.to_thread(sink.write, chunk)
                done += len(chunk)
                progress("receiving", done, image["size"])

    async def wait_for_import(self, image_id: str, progress: Progress, every: float = 0.5) -> dict[str, Any]:
        """Watch an import until it ends; return the image. Raises Refused with the reason when it failed."""
        while True:
            tasks = (await self.json("GET", f"/v2/images/{image_id}/tasks"))["tasks"]
            task: dict[str, Any] = tasks[-1] if tasks else {"status": "failure", "message": "its task is gone"}
            step: dict[str, Any] = task.get("progress") or {}
            progress(step.get("phase") or task["status"], step.get("bytes_done") or 0, step.get("bytes_total"))
            if task["status"] == "failure":
                raise Refused(f"the import failed: {task['message']}")
            if task["status"] == "success":
                image: dict[str, Any] = await self.json("GET", f"/v2/images/{image_id}")
                return image
            await asyncio.sleep(every)


def _is_url(text: str) -> bool:
    try:
        url = URL(text)
    except ValueError:
        return False
    return url.scheme in ("http", "https") and bool(url.host)


def _require_place(target: Path) -> None:
    if not target.parent.is_dir():
        raise Refused(f"there is no folder {target.parent} to write to")
    if target.is_dir():
        raise Refused(f"{target} is a folder: name the file to write")


async def _refusal(response: aiohttp.ClientResponse) -> GlimpseError:
    try:
        text = (await response.json())["message"].split("<br />")[0].strip()
    except (aiohttp.ClientError, ValueError, KeyError, TypeError, AttributeError):
        text = response.reason or "no reason given"
    return NotFound(text) if response.status == 404 else Refused(f"{text} ({response.status})")
