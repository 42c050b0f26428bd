"""Answers in gzip for those who ask for it, where the operator allows it (AC-73)."""

import asyncio
import gzip
import re

from aiohttp import web

from glimpse import settings

WORD = re.compile(r"(?<![\w-])gzip(?![\w-])", re.IGNORECASE)
LEVEL = 6
AT_ONCE = 64 * 1024
"""Bytes that are compressed where they are; more of them are left to a thread."""


def is_wanted(request: web.BaseRequest, api: settings.Api) -> bool:
    """Say whether an answer is to be compressed."""
    return api.gzip and WORD.search(request.headers.get("Accept-Encoding", "")) is not None


async def compress(request: web.BaseRequest, answer: web.StreamResponse, api: settings.Api) -> None:
    """Compress an answer that has not been sent yet; an empty one stays empty."""
    if answer.prepared or not isinstance(answer, web.Response) or not is_wanted(request, api):
        return
    body = answer.body
    if not isinstance(body, bytes) or not body or "Content-Encoding" in answer.headers:
        return
    answer.body = _packed(body) if len(body) <= AT_ONCE else await asyncio.to_thread(_packed, body)
    answer.headers["Content-Encoding"] = "gzip"


def flow(answer: web.StreamResponse) -> None:
    """Compress bytes as they pass: how many there will be, nobody knows."""
    del answer.headers["Content-Length"]
    answer.enable_compression(web.ContentCoding.gzip)


def _packed(body: bytes) -> bytes:
    return gzip.compress(body, LEVEL, mtime=0)
