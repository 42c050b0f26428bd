"""Compressed bytes: recognised by how they begin, and expanded a piece at a time, so that no input can fill memory."""

import bz2
import lzma
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import lz4.frame

from glimpse.errors import WrongFormat

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 1024 * 1024
"""At most so many expanded bytes are held at once."""
WINDOW_LOG = 27
"""128 MiB: what `zstd -d` takes unless it is told to take more."""
XZ_MEMORY = 256 * 1024 * 1024
MOST_EMPTY = 1000
"""So many streams in a row may hold nothing: each costs as much as many bytes, and no limit on bytes ends it."""

SKIPPED = tuple(bytes([low]) + b"\x2a\x4d\x18" for low in range(0x50, 0x60))
"""Frames of zstd and lz4 that hold no data."""
SIGNATURES: dict[str, tuple[bytes, ...]] = {
    "gzip": (b"\x1f\x8b\x08",),
    "bzip2": tuple(b"BZh%d%s" % (level, mark) for level in range(1, 10) for mark in (b"1AY&SY", b"\x17rE8P\x90")),
    "xz": (b"\xfd7zXZ\x00",),
    "zstd": (b"\x28\xb5\x2f\xfd",),
    "lz4": (b"\x04\x22\x4d\x18",),
}
LONGEST_SIGNATURE = max(len(each) for those in SIGNATURES.values() for each in those)


def recognised(beginning: bytes) -> str | None:
    """Return how bytes that begin like this are compressed; None when they are not, as far as anybody can tell."""
    return next((name for name, those in SIGNATURES.items() if beginning.startswith(those)), None)


class Expansion:
    """Expands one stream, that may consist of several one after the other. Raises WrongFormat for a damaged one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._member = MAKERS[name]()
        self._signatures = SIGNATURES[name] + (SKIPPED if name in ("zstd", "lz4") else ())
        self._between = b""
        self._empty = 0

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what the next bytes expand to."""
        data = chunk
        while True:
            if self._member.eof:
                following = self._following(data)
                if following is None:
                    return
                self._member, data = MAKERS[self._name](), following
            try:
                piece = self._member.decompress(data, PIECE)
            except (zlib.error, lzma.LZMAError, zstd.ZstdError, OSError, RuntimeError, EOFError, ValueError) as error:
                raise WrongFormat(f"the {self._name} bytes are damaged: {error}") from None
            if piece:
                self._empty = 0
                yield piece
            data = (self._member.unused_data or b"") if self._member.eof else b""
            if self._member.eof:
                self._empty += 1
                if self._empty > MOST_EMPTY:
                    raise WrongFormat(f"the {self._name} bytes hold more than {MOST_EMPTY} empty streams in a row")
                continue
            if self._member.needs_input:
                return

    def end(self) -> None:
        """Say that there is no more. Raises WrongFormat when something is missing."""
        if not self._member.eof or self._between:
            raise WrongFormat(f"the {self._name} bytes end before what they hold is whole")

    def _following(self, data: bytes) -> bytes | None:
        """Return where the next stream begins behind one that has ended; None while there is none."""
        data = (self._between + data).lstrip(b"\x00")  # padding, as tape and xz make it
        self._between = b""
        if data.startswith(self._signatures):
            return data
        if data and not any(each.startswith(data) for each in self._signatures):
            raise WrongFormat(f"there is something else behind the {self._name} bytes")
        self._between = data
        return None


class _Gzip:
    """zlib's decompressor, in the shape that the others have."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(31)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._inflate.decompress(self._inflate.unconsumed_tail + data, most)

    @property
    def eof(self) -> bool:
        return self._inflate.eof

    @property
    def unused_data(self) -> bytes:
        return self._inflate.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._inflate.unconsumed_tail


def _zstd() -> zstd.ZstdDecompressor:
    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: WINDOW_LOG})


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)


MAKERS: dict[str, Callable[[], Any]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": _xz,
    "zstd": _zstd,
    "lz4": lz4.frame.LZ4FrameDecompressor,
}
