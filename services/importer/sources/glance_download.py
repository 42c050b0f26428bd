"""glance-download: an image that another image service has, asked for with the token of whoever wants it (IMG-500).

The token goes to the region's address and nowhere else: no redirect is followed.
"""

import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from glimpse import sealed, settings
from glimpse.errors import Invalid
from glimpse.guard import Guard, open_session
from glimpse.image import ImageRow
from schemas.images import NEVER_CREATED, is_reserved, is_too_wide
from schemas.vocabulary import Status
from services.importer.failures import (
    CORRUPT_SOURCE,
    CREDENTIALS_REFUSED,
    INTERNAL,
    SOURCE_REFUSED,
    TOO_LARGE,
    ImportFailure,
)
from services.importer.ports import Ports
from services.importer.sources import web_download
from services.importer.sources.web_download import Download
from services.importer.work import Described, Source, Task

DOCUMENT_BYTES = 2 * 1024 * 1024
"""No image's description is larger."""
SECURED = frozenset({"sha224", "sha256", "sha384", "sha512", "sha3_256", "sha3_384", "sha3_512", "blake2b", "blake2s"})
"""Digests of the other side that we check."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Where to go, in whose name."""

    endpoint: str
    token: str | None = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What every request says."""
        return {"X-Auth-Token": self.token} if self.token else {}


@contextlib.asynccontextmanager
async def glance_download(ports: Ports, task: Task) -> AsyncIterator[Source]:
    """Lend the bytes of the other image, with what is taken over of its description."""
    method, errand = task.asked["method"], _errand(ports, task)
    rules = _rules(errand, ports.settings.import_)
    guard = Guard(web_download.as_connected(rules))
    image = f"{errand.endpoint}/v2/images/{method['glance_image_id']}"
    async with open_session(guard, rules, 2) as session:
        try:
            document = await _document(Download(session, guard, rules, image, errand.headers))
            described = _described(document, ports.settings)
            size = document.get("size")
            cap = ports.settings.images.size_cap_bytes
            if isinstance(size, int) and size > cap:
                raise ImportFailure(TOO_LARGE, f"the source has {size} bytes, and {cap} are allowed")
            download = await Download.begin(session, guard, rules, f"{image}/file", errand.headers)
        except web_download.Unauthorized:
            raise ImportFailure(
                CREDENTIALS_REFUSED,
                f"the image service of region {method['glance_region']} does not take the token of whoever asked for "
                "this: it has expired, or means nothing there; import again",
            ) from None
        async with contextlib.aclosing(download), contextlib.aclosing(download.chunks()) as chunks:
            if size != download.total and None not in (size, download.total):
                raise ImportFailure(
                    CORRUPT_SOURCE, f"the image has {size} bytes there, but {download.total} are announced"
                )
            yield Source(chunks, size if isinstance(size, int) else download.total, described=described)


def _errand(ports: Ports, task: Task) -> Errand:
    """Open what was sealed with the request. Raises ImportFailure."""
    key, closed = ports.settings.import_.sealing_key, (task.caller or {}).get("sealed")
    if key is None or closed is None:
        raise ImportFailure(INTERNAL, "this importer was given no token for it: import.sealing_key is not set for all")
    try:
        told = json.loads(sealed.opened(key.get_secret_value(), task.id, closed))
    except Invalid as error:
        raise ImportFailure(INTERNAL, error.message) from None
    return Errand(told["endpoint"].rstrip("/").removesuffix("/v2"), told["token"])


def _rules(errand: Errand, rules: settings.Import) -> settings.Import:
    """Return where this download may go: to what the operator wrote down wherever it is, else where all may."""
    written = {each.rstrip("/").removesuffix("/v2") for each in rules.glance_regions.values()}
    anywhere = {
        "allowed_networks": web_download.EVERYWHERE,
        "disallowed_networks": (),
        "proxy": None,
        "allowed_schemes": (),
        "disallowed_schemes": (),
        "allowed_hosts": (),
        "disallowed_hosts": (),
        "allowed_ports": (),
        "disallowed_ports": (),
    }
    return rules.model_copy(update={"max_redirects": 0} | (anywhere if errand.endpoint in written else {}))


async def _document(download: Download) -> dict[str, Any]:
    """Read how the other side describes the image. Raises ImportFailure unless it is active there."""
    async with contextlib.aclosing(download):
        response = await download.ask({})
        content = bytearray()
        try:
            async for chunk in response.content.iter_chunked(65536):
                content += chunk
                if len(content) > DOCUMENT_BYTES:
                    break
            document = orjson.loads(content)
        except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError):
            document = None
        finally:
            response.close()
    if not isinstance(document, dict) or "status" not in document:
        raise ImportFailure(SOURCE_REFUSED, "the other image service describes its image in no way that we know")
    if document["status"] != Status.ACTIVE:
        raise ImportFailure(SOURCE_REFUSED, f"the image is {document['status']} there: only an active one has bytes")
    return document


def _described(document: dict[str, Any], configured: settings.Settings) -> Described:
    """Return what is taken over. Raises ImportFailure for formats that nothing here has."""
    disk_format, container_format = document.get("disk_format"), document.get("container_format")
    if disk_format not in configured.images.disk_formats or container_format not in configured.images.container_formats:
        raise ImportFailure(
            SOURCE_REFUSED, f"the image is {disk_format} in {container_format} there, and there is no such thing here"
        )
    prefixes = configured.import_.glance_properties
    properties = {
        name: value
        for name, value in document.items()
        if name.startswith(prefixes) and isinstance(value, str) and _is_free(name) and not is_too_wide([name, value])
    }
    algorithm, value = document.get("os_hash_algo"), document.get("os_hash_value")
    digests = {algorithm: value} if algorithm in SECURED and isinstance(value, str) else {}
    return Described(disk_format, container_format, properties, digests)


def _is_free(name: str) -> bool:
    return not is_reserved(name) and name not in NEVER_CREATED and name not in ImageRow.__dataclass_fields__
