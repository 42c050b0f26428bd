"""The bytes that are sent and received: quick to make, and every one of them can be checked."""

import hashlib
import random
from functools import cache

BLOCK = 1024 * 1024


@cache
def block() -> bytes:
    """Return one block that does not compress."""
    return random.Random(20181).randbytes(BLOCK)


def numbered(index: int) -> bytes:
    """Return block number `index`: the same for all but its first eight bytes."""
    return index.to_bytes(8, "big") + block()[8:]


@cache
def digests(blocks: int) -> tuple[str, str]:
    """Return the MD5 and the SHA-512 of so many blocks."""
    md5, sha512 = hashlib.md5(usedforsecurity=False), hashlib.sha512()
    for index in range(blocks):
        md5.update(numbered(index))
        sha512.update(numbered(index))
    return md5.hexdigest(), sha512.hexdigest()
