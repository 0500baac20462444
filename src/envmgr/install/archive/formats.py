"""Archive formats: opens an archive as a stream of entries."""

from __future__ import annotations

import contextlib
import os
from typing import IO, TYPE_CHECKING

from envmgr.install.archive import decompress, tar_reader, wheel_layout, zip_reader
from envmgr.install.archive.decompress_process import decompress_file
from envmgr.install.archive.entry import FILE, Entry
from envmgr.install.archive.safety import ExpansionGuard
from envmgr.kit.errors import BadArchive
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

PROGRAM = "program"


@frozen
class Archive:
    """An open archive: entries, size, and read position (in bytes)."""

    entries: Iterator[Entry]
    size: int
    position: Callable[[], int]


@contextlib.contextmanager
def open_archive(path: str, kind: str) -> Iterator[Archive]:
    """Open an archive; `kind` is a `Layout.format`.

    A format of a single program (gz, xz, zst, bz2, raw) yields one entry, PROGRAM. Reading raises BadArchive if the
    data is corrupt, and UnsafeArchive for an implausible expansion.
    """
    if kind not in _FORMATS:
        raise BadArchive(f"unsupported archive format {kind!r}", f"use one of {', '.join(_FORMATS)}")
    with storage_errors(path):
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below; its position is shared with a process
    with file:
        size = os.fstat(file.fileno()).st_size
        entries = _FORMATS[kind](file, ExpansionGuard(size))
        with contextlib.closing(entries):
            yield Archive(entries, size, lambda: os.lseek(file.fileno(), 0, os.SEEK_CUR))


def _tar(kind: str) -> Callable[[IO[bytes], ExpansionGuard], Generator[Entry]]:
    return lambda file, meter: tar_reader.read(
        meter.watch(decompress_file(file, kind)), is_sealed=True, count_hole=meter.add
    )


def _program(kind: str) -> Callable[[IO[bytes], ExpansionGuard], Generator[Entry]]:
    return lambda file, meter: _one(meter.watch(decompress_file(file, kind)))


def _bare_tar(file: IO[bytes], meter: ExpansionGuard) -> Generator[Entry]:
    return tar_reader.read(meter.watch(_plain(file)), is_sealed=False, count_hole=meter.add)


def _raw(file: IO[bytes], meter: ExpansionGuard) -> Generator[Entry]:
    return _one(meter.watch(_plain(file)))


def _zip(file: IO[bytes], meter: ExpansionGuard) -> Generator[Entry]:
    for entry in zip_reader.read(file):
        entry.content = meter.watch(entry.content)
        yield entry


def _wheel(file: IO[bytes], meter: ExpansionGuard) -> Generator[Entry]:
    return wheel_layout.relocate_data_files(_zip(file, meter))


def _one(pieces: Iterator[bytes]) -> Generator[Entry]:
    yield Entry(PROGRAM, FILE, 0o755, None, content=pieces)


def _plain(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(decompress.PIECE):
        yield piece


_FORMATS = {
    "tar.gz": _tar("gz"),
    "tar.xz": _tar("xz"),
    "tar.bz2": _tar("bz2"),
    "tar.zst": _tar("zst"),
    "tar": _bare_tar,
    "zip": _zip,
    "whl": _wheel,
    "gz": _program("gz"),
    "xz": _program("xz"),
    "zst": _program("zst"),
    "bz2": _program("bz2"),
    "raw": _raw,
}
