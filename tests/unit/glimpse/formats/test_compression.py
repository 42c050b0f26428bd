"""Compressed bytes, cut in every way, damaged in every way, and made to fill memory."""

import bz2
import gzip
import lzma
import random

import lz4.frame
import pytest

from glimpse.errors import WrongFormat
from glimpse.formats import compression
from glimpse.formats.compression import zstd

CONTENT = random.Random(3).randbytes(100_000) + bytes(2_000_000)
COMPRESS = {
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    # with the checksum that the commands of these names write
    "zstd": lambda content: zstd.compress(content, options={zstd.CompressionParameter.checksum_flag: 1}),
    "lz4": lambda content: lz4.frame.compress(content, content_checksum=True),
}
each_way = pytest.mark.parametrize("name", list(COMPRESS))


def expanded(name, chunks):
    expansion = compression.Expansion(name)
    whole = bytearray()
    for chunk in chunks:
        for piece in expansion.pieces(chunk):
            assert 0 < len(piece) <= compression.PIECE
            whole += piece
    expansion.end()
    return bytes(whole)


@pytest.mark.rule("OP-38")
@each_way
@pytest.mark.parametrize("length", [1, 1000, 2**20])
def test_what_was_compressed_comes_back_however_it_is_cut(name, length):
    content = CONTENT[99_000:102_000] if length == 1 else CONTENT
    packed = COMPRESS[name](content)
    assert compression.recognised(packed[: compression.LONGEST_SIGNATURE]) == name
    assert expanded(name, (packed[at : at + length] for at in range(0, len(packed), length))) == content


@each_way
@pytest.mark.parametrize("between", [b"", bytes(512)])
@pytest.mark.parametrize("length", [3, 10_000_000])
def test_streams_behind_each_other_are_one(name, between, length):
    packed = COMPRESS[name](b"one, ") + between + COMPRESS[name](b"") + COMPRESS[name](b"two") + between
    assert expanded(name, (packed[at : at + length] for at in range(0, len(packed), length))) == b"one, two"


@each_way
def test_nothing_compressed_is_nothing(name):
    packed = COMPRESS[name](b"")
    assert compression.recognised(packed[: compression.LONGEST_SIGNATURE]) == name
    assert expanded(name, [packed]) == b""


@each_way
@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda packed: packed[:-5], "end before"),
        (lambda packed: packed[:12], "end before"),
        (lambda packed: packed[:200] + bytes(8) + packed[208:], "damaged"),
        (lambda packed: packed + b"something else", "something else behind"),
        (lambda packed: packed + packed[:3], "end before"),
    ],
)
def test_a_damaged_stream_is_refused_with_the_reason(name, spoil, words):
    packed = spoil(COMPRESS[name](CONTENT))
    with pytest.raises(WrongFormat, match=words) as refused:
        expanded(name, [packed])
    assert name in refused.value.message


@each_way
def test_a_bomb_comes_a_piece_at_a_time(name):
    layers = COMPRESS[name](bytes(16 * 2**20))
    expansion = compression.Expansion(name)
    first = next(expansion.pieces(layers))
    assert len(first) <= compression.PIECE


def test_what_wants_more_memory_than_there_is_for_it_is_refused():
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1024 * 2**20}]
    packed = lzma.compress(b"small", lzma.FORMAT_XZ, filters=filters)
    with pytest.raises(WrongFormat, match=r"[Mm]emory"):
        expanded("xz", [packed])
    frame = b"\x28\xb5\x2f\xfd" + bytes([0x00, (31 - 10) << 3])  # a window of 2 GiB
    with pytest.raises(WrongFormat, match="damaged"):
        expanded("zstd", [frame + bytes(20)])


@pytest.mark.parametrize(
    "content", [b"", b"BZh", b"BZh9 is how this text begins", b"\x1f\x8b\x00", b"PK\x03\x04", CONTENT]
)
def test_what_is_not_compressed_is_not_recognised(content):
    assert compression.recognised(content) is None


@each_way
def test_streams_that_hold_nothing_are_taken_a_few_and_not_without_end(name):
    nothing = COMPRESS[name](b"")
    few = compression.MOST_EMPTY - 1
    assert expanded(name, [nothing * few + COMPRESS[name](CONTENT) + nothing * few]) == CONTENT
    with pytest.raises(WrongFormat, match="empty streams"):
        expanded(name, [nothing * (compression.MOST_EMPTY + 1)])
