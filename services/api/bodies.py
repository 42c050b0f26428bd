"""What requests bring: JSON that can be read, bytes that are announced, or nothing where nothing is due."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from glimpse.errors import Invalid, TooLarge, Unavailable, WrongMediaType
from schemas.images import is_too_wide

OCTETS = "application/octet-stream"
LEAVE_GIVEN = web.RequestKey("leave-given", bool)
CODINGS = frozenset({"chunked", "compress", "deflate", "gzip", "identity"})


def is_present(request: web.BaseRequest) -> bool:
    """Say whether a request has a body (IMG-84, IMG-96)."""
    if (request.headers.get("Content-Length") or "0").strip() != "0":
        return True
    return request.method in ("POST", "PUT", "PATCH") and (
        request.headers.get("Transfer-Encoding", "").strip().lower() in CODINGS
    )


def refuse(request: web.BaseRequest) -> None:
    """Raise Invalid when a request that needs no body has one (IMG-84)."""
    if is_present(request):
        raise Invalid("A body is not expected with this request.")


async def read_json(request: web.BaseRequest, limit: int) -> Any:
    """Read a JSON body whose every text can be kept. Raises Invalid (IMG-93), and as `read_any_json` does."""
    value = await read_any_json(request, limit)
    if is_too_wide(value):
        raise Invalid("characters above U+FFFF, and U+0000, can not be kept: leave them out")
    return value


async def read_any_json(request: web.BaseRequest, limit: int) -> Any:
    """Read a JSON body of at most `limit` bytes. Raises Invalid (IMG-87 to IMG-91) and TooLarge (IMG-94)."""
    content = await _read(request, limit)
    if not content.strip():
        raise Invalid("this request needs a body: send JSON")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict | list):
        raise Invalid("the body is JSON, but neither an object nor a list")
    return value


async def read_object(request: web.BaseRequest, limit: int) -> dict[str, Any]:
    """Read a JSON object. Raises Invalid and TooLarge."""
    value = await read_json(request, limit)
    if not isinstance(value, dict):
        raise Invalid("the body is a JSON list, but an object is due")
    return value


def require_octets(request: web.BaseRequest) -> None:
    """Raise WrongMediaType unless a body is announced as bytes (IMG-391, IMG-396)."""
    kind = request.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind != OCTETS:
        raise WrongMediaType(f"bytes are sent with Content-Type: {OCTETS}, not {kind or 'without one'}")


async def chunks(request: web.BaseRequest) -> AsyncIterator[bytes]:
    """Yield a body as it arrives; only now is a client that waits for leave told to go on.

    Raises Unavailable when the connection breaks, Invalid when the body is not framed as HTTP has it.
    """
    if waits_for_leave(request) and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request[LEAVE_GIVEN] = True
    try:
        async for chunk in request.content.iter_any():
            yield chunk
    except ConnectionError as error:
        raise Unavailable("the connection broke before all bytes had arrived") from error
    except (web.RequestPayloadError, HttpProcessingError) as error:
        raise Invalid("the body is not framed as HTTP has it") from error


def waits_for_leave(request: web.BaseRequest) -> bool:
    """Say whether a client holds its body back until it is told to go on (RFC 9110, 10.1.1)."""
    return request.headers.get("Expect", "").lower() == "100-continue" and LEAVE_GIVEN not in request


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    held = bytearray()
    async for chunk in chunks(request):
        held += chunk
        if len(held) > limit:
            raise TooLarge(f"JSON bodies are read up to {limit} bytes")
    return bytes(held)
