"""Decompression in a separate process, and in the same one."""

from __future__ import annotations

import random
import subprocess
import sys
import threading

import pytest

from envmgr.install.archive import decompress, decompress_process
from envmgr.kit.errors import BadArchive
from support.archives.archive_builder import compress

CONTENT = random.Random(0).randbytes(300_000) + bytes(3 << 20)
KINDS = ["gz", "xz", "bz2", "zst"]


@pytest.fixture(params=["here", "beside"])
def decompressed(request, monkeypatch, tmp_path):
    """Decompress some bytes in this process, or in a separate one."""
    monkeypatch.setattr(decompress_process, "SMALL", 1 << 30 if request.param == "here" else 0)

    def run(content, kind):
        path = tmp_path / "packed"
        path.write_bytes(content)
        with open(path, "rb", buffering=0) as file:
            return b"".join(decompress_process.decompress_file(file, kind))

    return run


@pytest.mark.parametrize("kind", KINDS)
def test_compressed_content_is_decompressed(kind, decompressed):
    assert decompressed(compress(CONTENT, kind), kind) == CONTENT


@pytest.mark.parametrize("kind", KINDS)
def test_concatenated_members_are_read_and_padding_is_skipped(kind, decompressed):
    assert decompressed(compress(b"one", kind) + compress(b"two", kind) + bytes(512), kind) == b"onetwo"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut", [1, 4, 9, 1000])
def test_a_missing_end_is_a_bad_archive(kind, cut, decompressed):
    packed = compress(random.Random(1).randbytes(5000), kind)
    with pytest.raises(BadArchive):
        decompressed(packed[:-cut], kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [b"", b"<html>this is no archive</html>"])
def test_uncompressed_content_is_a_bad_archive(kind, content, decompressed):
    with pytest.raises(BadArchive):
        decompressed(content, kind)


@pytest.mark.parametrize("kind", ["gz", "xz", "bz2"])
def test_a_wrong_checksum_is_a_bad_archive(kind, decompressed):
    packed = bytearray(compress(random.Random(1).randbytes(5000), kind))
    packed[len(packed) // 2] ^= 0xFF
    with pytest.raises(BadArchive):
        decompressed(bytes(packed), kind)


@pytest.mark.parametrize("kind", ["gz", "bz2"])
@pytest.mark.parametrize("trailer", [b"garbage" * 100, b"x", b"\0\0x", b"\0" * 600 + b"signature"])
def test_bytes_after_the_end_are_ignored_as_gzip_and_bzip2_do(kind, trailer, decompressed):
    members = compress(b"one", kind) + compress(b"two", kind)
    assert decompressed(members + trailer, kind) == b"onetwo"


@pytest.mark.parametrize("kind", ["gz", "bz2"])
def test_a_damaged_member_after_the_first_is_a_bad_archive(kind, decompressed):
    with pytest.raises(BadArchive):
        decompressed(compress(b"one", kind) + compress(b"two" * 100, kind)[:-6], kind)


@pytest.mark.parametrize("kind", sorted({*KINDS} - {"gz", "bz2"}))
def test_garbage_after_the_end_is_a_bad_archive(kind, decompressed):
    with pytest.raises(BadArchive):
        decompressed(compress(b"one", kind) + b"garbage" * 100, kind)


def test_zlib_is_the_fallback_for_isal(monkeypatch, tmp_path):
    for name in ("isal", "isal.igzip_lib"):
        monkeypatch.setitem(sys.modules, name, None)
    path = tmp_path / "packed"
    path.write_bytes(compress(CONTENT, "gz") + compress(b"more", "gz"))
    with open(path, "rb", buffering=0) as file:
        assert b"".join(decompress_process.decompress_file(file, "gz")) == CONTENT + b"more"


def test_the_process_ends_when_reading_stops_early(monkeypatch, tmp_path):
    monkeypatch.setattr(decompress_process, "SMALL", 0)
    started = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    (tmp_path / "packed").write_bytes(compress(bytes(64 << 20), "zst"))
    with open(tmp_path / "packed", "rb", buffering=0) as file:
        pieces = decompress_process.decompress_file(file, "zst")
        next(pieces)
        pieces.close()
    assert [process.returncode is not None for process in started] == [True]


def test_a_crashed_process_is_a_bad_archive_with_its_error(monkeypatch, tmp_path):
    monkeypatch.setattr(decompress_process, "SMALL", 0)
    broken = tmp_path / "broken.py"
    broken.write_text("raise SystemExit('no memory')")
    monkeypatch.setattr(decompress, "__file__", str(broken))
    (tmp_path / "packed").write_bytes(b"x")
    with (
        open(tmp_path / "packed", "rb", buffering=0) as file,
        pytest.raises(BadArchive, match="status 1 no memory"),
    ):
        list(decompress_process.decompress_file(file, "xz"))


def test_the_thread_ends_when_reading_stops_early(monkeypatch, tmp_path):
    monkeypatch.setattr(decompress_process, "SMALL", 0)
    (tmp_path / "packed").write_bytes(compress(bytes(64 << 20), "gz"))
    with open(tmp_path / "packed", "rb", buffering=0) as file:
        pieces = decompress_process.decompress_file(file, "gz")
        next(pieces)
        assert "envmgr-decompress" in names_of_threads()
        pieces.close()
        assert "envmgr-decompress" not in names_of_threads()


def names_of_threads():
    return [thread.name for thread in threading.enumerate()]


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_is_decompressed_while_it_arrives(kind):
    packed = compress(random.Random(1).randbytes(300_000), kind)
    blocks = iter([packed[:100_000], packed[100_000:], b""])
    pieces = decompress_process.decompress_stream(lambda: next(blocks), kind)
    assert b"".join(pieces) == random.Random(1).randbytes(300_000)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [LookupError("no more"), OSError("no more")], ids=["error", "OSError"])
@pytest.mark.parametrize("share", [0.5, 1])
def test_an_error_of_a_stream_is_raised(kind, error, share):
    packed = compress(random.Random(1).randbytes(300_000), kind)
    blocks = [packed[: int(len(packed) * share)]]

    def read():
        if blocks:
            return blocks.pop()
        raise error

    pieces = decompress_process.decompress_stream(read, kind)
    with pytest.raises(type(error), match="no more"):
        list(pieces)
