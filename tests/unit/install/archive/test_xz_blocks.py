"""Blocks of xz streams that are decompressed on two processors."""

from __future__ import annotations

import itertools
import lzma
import random
import shutil
import subprocess
import sys
import threading

import pytest

from envmgr.install.archive import decompress, decompress_process, xz_blocks
from envmgr.kit.errors import BadArchive

pytestmark = pytest.mark.skipif(not shutil.which("xz"), reason="xz makes streams of several blocks")
CONTENT = random.Random(0).randbytes(200_000) + bytes(100_000) + b"the same line\n" * 20_000
BLOCK_BYTES = 64 << 10
PATIENCE_SECONDS = 30


@pytest.fixture(autouse=True)
def module_path(monkeypatch):
    monkeypatch.syspath_prepend(decompress_process._directories(decompress.XZ_BLOCKS)[0])
    yield
    for name in ("xz_blocks", "read_ahead"):
        sys.modules.pop(name, None)


@pytest.fixture(autouse=True)
def threads_in_turn(monkeypatch):
    """Start threads one after the other: coverage cannot trace two that start at once."""

    class Thread(threading.Thread):
        def start(self):
            self.has_begun = threading.Event()
            super().start()
            assert self.has_begun.wait(PATIENCE_SECONDS)

        def run(self):
            self.has_begun.set()
            super().run()

    monkeypatch.setattr(threading, "Thread", Thread)


def packed(*options, content=CONTENT):
    command = ["xz", "-c", "-1", *options]
    return subprocess.run(command, input=content, stdout=subprocess.PIPE, check=True).stdout


def in_blocks(*options, content=CONTENT):
    return packed("-T2", f"--block-size={BLOCK_BYTES}", *options, content=content)


def source_of(content, piece=1000):
    pieces = (content[start : start + piece] for start in itertools.count(0, piece))
    return xz_blocks.Input(lambda: next(pieces))


def inflated(content):
    pieces = (content[start : start + 1000] for start in itertools.count(0, 1000))
    return b"".join(decompress.inflate_xz_blocks(lambda: next(pieces)))


@pytest.mark.parametrize("check", ["none", "crc32", "crc64", "sha256"])
def test_blocks_with_every_check_are_separated_and_decompressed(check):
    stream = in_blocks(f"--check={check}")
    assert xz_blocks.has_separable_blocks(source_of(stream))
    assert b"".join(xz_blocks.inflate_stream(source_of(stream))) == CONTENT


@pytest.mark.parametrize(
    "stream",
    [
        packed("-T1"),
        in_blocks("-9"),
        packed("-T2", "--x86", "--lzma2=dict=64KiB", f"--block-size={BLOCK_BYTES}"),
        lzma.compress(b""),
        b"",
        b"no xz",
        b"\xfd7zXZ\0\0\4",
    ],
    ids=["without sizes", "large dictionary", "two filters", "no block", "empty", "other", "cut"],
)
def test_other_streams_are_not_separated(stream):
    assert not xz_blocks.has_separable_blocks(source_of(stream))


@pytest.mark.parametrize(
    ("end", "count"),
    [(b"", 1), (bytes(4), 1), (bytes(4096), 1), (in_blocks(), 2), (bytes(8) + packed("-T1"), 2)],
)
def test_streams_are_decompressed_whatever_follows_them(end, count):
    assert inflated(in_blocks() + end) == CONTENT * count


@pytest.mark.parametrize(
    "stream", [packed("-T1"), packed(f"--block-list={BLOCK_BYTES},0", "-T1"), lzma.compress(b"")]
)
def test_streams_without_separable_blocks_are_decompressed(stream):
    assert inflated(stream) == lzma.decompress(stream)


@pytest.mark.parametrize("cut", [1, 12, 30, 1000, BLOCK_BYTES * 2])
def test_a_missing_end_is_an_error(cut):
    with pytest.raises(decompress.DamagedError):
        inflated(in_blocks()[:-cut])


def test_damage_anywhere_is_an_error():
    stream, dice = in_blocks(), random.Random(2)
    offsets = {*range(12), *range(len(stream) - 60, len(stream)), *dice.choices(range(len(stream)), k=60)}
    for offset in offsets:
        damaged = bytearray(stream)
        damaged[offset] ^= 0x55
        with pytest.raises(decompress.DamagedError):
            inflated(bytes(damaged))


def block_of(stream):
    """Return the only block of a stream, and its sizes as the index has them."""
    index = len(stream) - 12 - 4 * (int.from_bytes(stream[-8:-4], "little") + 1)
    unpadded, position = xz_blocks._integer(stream, index + 2)
    uncompressed, _ = xz_blocks._integer(stream, position)
    return stream[12:index], (unpadded, uncompressed)


def test_blocks_that_differ_from_the_first_are_an_error_here_but_not_in_a_file(tmp_path):
    sized = in_blocks(content=CONTENT[:BLOCK_BYTES])
    blocks, records = zip(
        block_of(sized), block_of(packed("-T1", content=CONTENT[BLOCK_BYTES:])), strict=True
    )
    mixed = sized[:12] + b"".join(blocks) + xz_blocks._trailer(sized[:12], list(records))
    with pytest.raises(decompress.DamagedError, match="block without sizes"):
        inflated(mixed)
    (tmp_path / "packed").write_bytes(mixed)
    with open(tmp_path / "packed", "rb", buffering=0) as file:
        assert b"".join(decompress_process.decompress_file(file, "xz")) == CONTENT


def test_no_thread_is_left_when_reading_stops_early():
    stream = packed("-T2", "--block-size=16MiB", content=bytes(40 << 20))  # more than waits in a queue
    pieces = xz_blocks.inflate_stream(source_of(stream))
    assert next(pieces)
    assert xz_blocks.THREAD_NAME in thread_names()
    pieces.close()
    assert xz_blocks.THREAD_NAME not in thread_names()


def thread_names():
    return {thread.name for thread in threading.enumerate()}


def test_the_process_decompresses_blocks():
    stream = in_blocks()
    blocks = iter([stream, b""])
    assert b"".join(decompress_process.decompress_stream(lambda: next(blocks), "xz")) == CONTENT


def test_the_process_names_damage():
    blocks = iter([in_blocks()[:-100], b""])
    with pytest.raises(BadArchive, match=r"invalid xz stream: \w+"):
        list(decompress_process.decompress_stream(lambda: next(blocks), "xz"))
