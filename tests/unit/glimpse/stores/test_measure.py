"""What is learnt of bytes while they pass."""

import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from glimpse.errors import GlimpseError, Invalid, SizeMismatch, TooLarge
from glimpse.stores.measure import Measure


async def chunks(*given: bytes) -> AsyncIterator[bytes]:
    for chunk in given:
        yield chunk


async def drain(measure: Measure, *given: bytes) -> bytes:
    return b"".join([chunk async for chunk in measure.passing(chunks(*given))])


async def test_the_stream_comes_out_unchanged_and_its_digests_are_right() -> None:
    sent = [os.urandom(size) for size in (1, 5_000_000, 65536, 0, 1_048_576)]
    measure = Measure(["sha512"])
    assert await drain(measure, *sent) == b"".join(sent)
    measured = measure.result()
    assert measured.size == sum(map(len, sent))
    assert measured.checksum == hashlib.md5(b"".join(sent)).hexdigest()
    assert measured.digests["sha512"] == hashlib.sha512(b"".join(sent)).hexdigest()


@pytest.mark.rule("IMG-394", "IMG-398", "IMG-404", "IMG-728")
@pytest.mark.parametrize(
    ("options", "refusal", "says"),
    [
        ({"limit": 9}, TooLarge, "9 bytes"),
        ({"expected_size": 9}, SizeMismatch, "9 bytes were announced, but more"),
        ({"expected_size": 11}, SizeMismatch, "11 bytes were announced, but 10"),
        ({"expected_digests": {"sha256": "00"}}, Invalid, hashlib.sha256(b"0123456789").hexdigest()),
    ],
)
async def test_bytes_that_are_not_as_announced_are_refused(
    options: dict[str, object], refusal: type[GlimpseError], says: str
) -> None:
    with pytest.raises(refusal, match=says):
        await drain(Measure(["sha512"], **options), b"01234", b"56789")  # type: ignore[arg-type]


async def test_expected_digests_that_fit_let_the_bytes_pass() -> None:
    measure = Measure(["sha512"], expected_digests={"sha256": hashlib.sha256(b"abc").hexdigest().upper()}, limit=3)
    assert await drain(measure, b"abc") == b"abc"


async def test_the_md5_is_left_out_where_nobody_asks_for_it() -> None:
    measure = Measure(["sha256"], checksum=False)
    await drain(measure, b"abc")
    assert dict(measure.result().digests) == {"sha256": hashlib.sha256(b"abc").hexdigest()}
