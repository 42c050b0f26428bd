"""What requests bring: JSON that can be read, bytes that are announced, or nothing where nothing is due."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from glimpse.errors import Invalid, TimedOut, TooLarge, WrongMediaType
from services.api import limits

OCTETS = "application/octet-stream"
LEAVE_GIVEN = web.RequestKey("leave-given", bool)
IDLE_SECONDS = web.RequestKey("idle-seconds", float)
"""How long a client may send nothing, or take nothing."""
GIVEN_UP = web.RequestKey("given-up", bool)
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


async def read_json(request: web.BaseRequest, limit: int, *, is_kept: bool = True) -> Any:
    """Read a JSON body of at most `limit` bytes. Raises Invalid (IMG-87 to IMG-93) and TooLarge (IMG-94).

    Images look for what can not be kept by themselves, in their order (IMG-255, IMG-324): `is_kept=False` leaves it.
    """
    content = await _read(request, limit)
    if not content.strip():
        raise Invalid("this request needs a body: send JSON")
    try:
        value = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise Invalid(f"the body is not JSON: {error}") from None
    if not isinstance(value, dict | list):
        raise Invalid("the body is JSON, but neither an object nor a list")
    if is_kept:
        limits.check_characters(value)
    return value


async def read_object(request: web.BaseRequest, limit: int, *, is_kept: bool = True) -> dict[str, Any]:
    """Read a JSON object. Raises Invalid and TooLarge."""
    value = await read_json(request, limit, is_kept=is_kept)
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

    Raises TimedOut when nothing comes for too long, Invalid for a body that ends too soon, if only because its client
    went (nobody hears of it then, but it is no failure of ours), or is not framed as HTTP has it.
    """
    if waits_for_leave(request) and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request[LEAVE_GIVEN] = True
    try:
        while chunk := await _next(request):
            yield chunk
    except ConnectionError as error:
        raise Invalid("the connection broke before all bytes had arrived") from error
    except web.RequestPayloadError as error:
        raise Invalid(str(error)) from error
    except HttpProcessingError as error:
        raise Invalid("the body is not framed as HTTP has it") from error


def must_close(request: web.BaseRequest) -> bool:
    """Say whether a connection is good for nothing more: whether the rest of this body comes, nobody knows."""
    return waits_for_leave(request) or GIVEN_UP in request


def waits_for_leave(request: web.BaseRequest) -> bool:
    """Say whether a client holds its body back until it is told to go on (RFC 9110, 10.1.1)."""
    return request.headers.get("Expect", "").lower() == "100-continue" and LEAVE_GIVEN not in request


async def _next(request: web.BaseRequest) -> bytes:
    patience = request[IDLE_SECONDS]
    try:
        async with asyncio.timeout(patience):
            return await request.content.readany()
    except TimeoutError:
        request[GIVEN_UP] = True
        raise TimedOut(f"nothing of the body came for {patience:g} seconds") from None


async def _read(request: web.BaseRequest, limit: int) -> bytes:
    held = bytearray()
    async for chunk in chunks(request):
        held += chunk
        if len(held) > limit:
            raise TooLarge(f"JSON bodies are read up to {limit} bytes")
    return bytes(held)
