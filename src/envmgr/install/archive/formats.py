"""Archive formats: opens an archive as a stream of entries."""

from __future__ import annotations

import contextlib
import os
from functools import partial
from typing import IO, TYPE_CHECKING, Protocol

from envmgr.install.archive import decompress, tar_reader
from envmgr.install.archive.decompress_process import decompress_file, decompress_stream
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


class ContentStream(Protocol):
    """The content of an archive during its download."""

    position: int

    def read(self) -> bytes:
        """Return the next bytes, waiting for them; empty at the end."""

    def cancel(self) -> None:
        """End a reader that waits."""


@contextlib.contextmanager
def open_archive(path: str, kind: str) -> Iterator[Archive]:
    """Open an archive; `kind` is a `Layout.format`.

    A format of a single program (gz, xz, zst, bz2, raw) yields one entry, PROGRAM. Reading raises BadArchive if the
    data is corrupt, and UnsafeArchive for an implausible expansion.
    """
    if not is_streamable(kind) and kind not in _ZIP_READERS:
        formats = ", ".join((*_COMPRESSIONS, *_ZIP_READERS))
        raise BadArchive(f"unsupported archive format {kind!r}", f"use one of {formats}")
    with storage_errors(path):
        file = open(path, "rb", buffering=0)  # noqa: SIM115 - closed below; its position is shared with a process
    with file:
        size = os.fstat(file.fileno()).st_size
        with _entries_of_file(file, kind, ExpansionGuard(size)) as entries:
            yield Archive(entries, size, lambda: os.lseek(file.fileno(), 0, os.SEEK_CUR))


@contextlib.contextmanager
def open_stream(content: ContentStream, kind: str) -> Iterator[Iterator[Entry]]:
    """Yield the entries of a streamable archive during its download; raise as `open_archive` does.

    The limit on its expansion is that of an archive of the size that has arrived.
    """
    guard, compression = ExpansionGuard(0), _COMPRESSIONS[kind]
    blocks = decompress_stream(content.read, compression) if compression else _blocks(content.read)
    with contextlib.closing(blocks):
        entries = _entries(kind, _with_growing_limit(blocks, content, guard), guard)
        try:
            with contextlib.closing(entries):
                yield entries
        finally:
            content.cancel()


def is_streamable(kind: str) -> bool:
    """Return whether a format is read from its start on, so that it can be unpacked during its download."""
    return kind in _COMPRESSIONS


def _with_growing_limit(
    blocks: Iterator[bytes], content: ContentStream, guard: ExpansionGuard
) -> Iterator[bytes]:
    for block in blocks:
        guard.update_limit(content.position)
        yield block


@contextlib.contextmanager
def _entries_of_file(file: IO[bytes], kind: str, guard: ExpansionGuard) -> Iterator[Iterator[Entry]]:
    if kind in _ZIP_READERS:
        with contextlib.closing(_ZIP_READERS[kind](file, guard)) as entries:
            yield entries
        return
    compression, read = _COMPRESSIONS[kind], partial(file.read, decompress.PIECE)
    blocks = decompress_file(file, compression) if compression else _blocks(read)
    with contextlib.closing(blocks), contextlib.closing(_entries(kind, blocks, guard)) as entries:
        yield entries


def _entries(kind: str, blocks: Iterator[bytes], guard: ExpansionGuard) -> Generator[Entry]:
    content = guard.watch(blocks)
    if kind.startswith("tar"):
        return tar_reader.read(content, is_sealed=kind != "tar", count_hole=guard.add)
    return _program(content)


def _program(content: Iterator[bytes]) -> Generator[Entry]:
    yield Entry(PROGRAM, FILE, 0o755, None, content=content)


def _blocks(read: Callable[[], bytes]) -> Generator[bytes]:
    while block := read():
        yield block


def _zip(file: IO[bytes], guard: ExpansionGuard) -> Generator[Entry]:
    from envmgr.install.archive import zip_reader

    for entry in zip_reader.read(file):
        entry.content = guard.watch(entry.content)
        yield entry


def _wheel(file: IO[bytes], guard: ExpansionGuard) -> Generator[Entry]:
    from envmgr.install.archive import wheel_layout

    return wheel_layout.relocate_data_files(_zip(file, guard))


_COMPRESSIONS = {
    "tar.gz": "gz",
    "tar.xz": "xz",
    "tar.bz2": "bz2",
    "tar.zst": "zst",
    "tar": "",
    "gz": "gz",
    "xz": "xz",
    "zst": "zst",
    "bz2": "bz2",
    "raw": "",
}
"""Compression of each format that is read from its start to its end; empty: none."""

_ZIP_READERS = {"zip": _zip, "whl": _wheel}
"""Readers of the formats whose directory is at the end."""
