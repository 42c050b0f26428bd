"""What an upload says of its bytes before they come: how many, what they hash to, where they shall be kept."""

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from multidict import CIMultiDictProxy

from glimpse.errors import Invalid

DIGESTS = {"sha-256": "sha256", "sha-512": "sha512"}
"""Names of RFC 9530, and hashlib's (IMG-728)."""

SIZE = re.compile(r"[0-9]{1,30}")
MEMBER = re.compile(r"\s*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):\s*(?:;[^,]*)?")


@dataclass(frozen=True, slots=True)
class Announced:
    """What the header fields of an upload say."""

    size: int | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    """Expected digests in hex, by hashlib's names."""
    store: str | None = None


def announced(headers: CIMultiDictProxy[str]) -> Announced:
    """Read the header fields of an upload. Raises Invalid (IMG-394, IMG-397, IMG-703, IMG-728)."""
    size = _size(headers.get("x-openstack-image-size"), "x-openstack-image-size")
    if size is None and "Content-Length" in headers:
        size = _size(headers["Content-Length"], "Content-Length")
    return Announced(size, _digests(headers), headers.get("X-Image-Meta-Store"))


def _size(text: str | None, name: str) -> int | None:
    if text is None:
        return None
    if not SIZE.fullmatch(text.strip()):
        raise Invalid(f"{name} is {text[:40]!r}, but a number of bytes is due")
    return int(text)


def _digests(headers: CIMultiDictProxy[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for name in ("Repr-Digest", "Content-Digest"):
        for text in headers.getall(name, ()):
            for algorithm, digest in _members(name, text):
                if found.setdefault(algorithm, digest) != digest:
                    raise Invalid(f"{name}: two different {algorithm} digests are expected of the same bytes")
    return found


def _members(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield each digest of a header field that we know how to make."""
    for member in text.split(","):
        match = MEMBER.fullmatch(member)
        if match is None:
            raise Invalid(f"{name}: {member.strip()!r} can not be read; write it like sha-256=:<base64>:")
        algorithm = DIGESTS.get(match.group(1))
        if algorithm is None:
            continue
        try:
            digest = base64.b64decode(match.group(2), validate=True)
        except binascii.Error:
            raise Invalid(f"{name}: {match.group(1)} is not in base64") from None
        if len(digest) * 8 != int(match.group(1)[4:]):
            raise Invalid(f"{name}: a {match.group(1)} digest has {int(match.group(1)[4:]) // 8} bytes")
        yield algorithm, digest.hex()
