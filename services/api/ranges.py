"""Which bytes of an image are asked for (IMG-421 to IMG-435)."""

import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from glimpse.errors import BadRange, Invalid

RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.IGNORECASE | re.ASCII)
CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes from `first` to `last`, both included, of an image of `size`."""

    first: int
    last: int
    size: int

    @property
    def length(self) -> int:
        """How many bytes that is."""
        return self.last - self.first + 1

    @property
    def content_range(self) -> str:
        """The header field of the answer."""
        return f"bytes {self.first}-{self.last}/{self.size}"


def part(headers: Mapping[str, str], size: int) -> Part | None:
    """Return the part that is asked for, None for the whole. Raises BadRange, and Invalid for several ranges."""
    if "Range" in headers:
        return _range(headers["Range"].strip(), size)
    if "Content-Range" in headers:
        return _heritage(headers["Content-Range"].strip(), size)
    return None


def _range(text: str, size: int) -> Part:
    if "," in text:
        raise Invalid("Only one range can be asked for at a time.")
    match = RANGE.fullmatch(text)
    if match is None or match.group(0)[6:] == "-":
        raise BadRange(f"the range {text!r} can not be read: write it as bytes=0-99")
    first, last = match.groups()
    if not first:  # the last so many bytes; `-0` has always meant all of them (IMG-427)
        wanted = min(_number(last), size) or size
        return _checked(size - wanted, size - 1, size)
    return _checked(_number(first), min(_number(last), size - 1) if last else size - 1, size)


def _heritage(text: str, size: int) -> Part:
    """Read the header field of answers that some clients send with requests (IMG-435)."""
    match = CONTENT_RANGE.fullmatch(text)
    if match is None:
        raise BadRange(f"the range {text!r} can not be read: write it as bytes 0-99/*")
    first, last, total = match.groups()
    if (total != "*" and _number(total) != size) or _number(last) >= size:
        raise BadRange(f"the image has {size} bytes")
    return _checked(_number(first), _number(last), size)


def _number(digits: str) -> int:
    """Read a number; one of very many digits is beyond any image, and beyond what Python reads."""
    return int(digits) if len(digits) < 100 else sys.maxsize


def _checked(first: int, last: int, size: int) -> Part:
    if not 0 <= first <= last < size:
        raise BadRange(f"the image has {size} bytes, and no such range")
    return Part(first, last, size)
