"""Zip reader, also for wheels.

Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
"""

from __future__ import annotations

import contextlib
import stat
import struct
import zipfile
import zlib
from datetime import UTC, datetime
from typing import IO, TYPE_CHECKING

from envmgr.install.archive import decompress
from envmgr.install.archive.entry import DIRECTORY, FILE, SYMLINK, Entry
from envmgr.kit.errors import BadArchive

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

_LOCAL = struct.Struct("<4s22xHH")  # signature, …, length of the name, length of the extra field
_EXTRA = struct.Struct("<HH")
_TIMESTAMP = 0x5455
_ENCRYPTED = 0x1
_UNIX = 3
_MACOS = 19
_METHOD_NAMES = {1: "shrink", 6: "implode", 9: "deflate64", 96: "JPEG", 97: "WavPack", 98: "PPMd", 99: "AES"}
_OTHER_ARCHIVE = "use another archive of this release: run `envmgr install TOOL VERSION URL`"
_MAX_TARGET_BYTES = 4096
_NANOSECONDS = 10**9
_KINDS = {
    stat.S_IFDIR: DIRECTORY,
    stat.S_IFLNK: SYMLINK,
    stat.S_IFIFO: "FIFO",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


def read(file: IO[bytes]) -> Generator[Entry]:
    """Yield the entries of a zip archive; raise BadArchive if it is corrupt."""
    with _archive_errors(), zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            yield _entry(file, info)


@contextlib.contextmanager
def _archive_errors() -> Iterator[None]:
    """Translate errors of the library, which does not support all that archives have, to BadArchive."""
    try:
        yield
    except (zipfile.BadZipFile, struct.error, NotImplementedError, ValueError, OverflowError) as error:
        raise BadArchive(str(error) or "corrupt") from error
    except decompress.DamagedError as error:
        raise BadArchive(f"invalid zip: {error}") from error


def _entry(file: IO[bytes], info: zipfile.ZipInfo) -> Entry:
    if info.flag_bits & _ENCRYPTED:
        raise BadArchive(f"{info.filename!r} is encrypted", _OTHER_ARCHIVE)
    unix = info.external_attr >> 16 if info.create_system in {_UNIX, _MACOS} else 0
    # ZipInfo.filename is cut at a NUL, which would hide the stored name. The format has no backslashes in names:
    # some writers on Windows store them as separators.
    path = info.orig_filename.replace("\\", "/")
    kind = DIRECTORY if path.endswith("/") else _KINDS.get(stat.S_IFMT(unix), FILE)
    mode = stat.S_IMODE(unix) or (0o755 if kind == DIRECTORY else 0o644)
    target = _target(file, info) if kind == SYMLINK else ""
    return Entry(path, kind, mode, _mtime(info), target, _content(file, info) if kind == FILE else ())


def _target(file: IO[bytes], info: zipfile.ZipInfo) -> str:
    if info.file_size > _MAX_TARGET_BYTES:
        raise BadArchive(f"{info.filename!r}: link target too long ({info.file_size} bytes)")
    return b"".join(_content(file, info)).decode("utf-8", "surrogateescape")


def _mtime(info: zipfile.ZipInfo) -> int | None:
    """Return the UTC time of the extended timestamp, else the zone-less one of the entry taken as UTC."""
    exact = _extended_timestamp(info.extra)
    if exact is not None:
        return exact * _NANOSECONDS
    try:
        return int(datetime(*info.date_time, tzinfo=UTC).timestamp()) * _NANOSECONDS
    except ValueError:  # day 0 of month 0: unset
        return None


def _extended_timestamp(extra: bytes) -> int | None:
    while len(extra) >= _EXTRA.size:
        kind, size = _EXTRA.unpack_from(extra)
        if kind == _TIMESTAMP and size >= 5 and extra[4] & 1:  # noqa: PLR2004 - a byte of flags, four of time
            return int.from_bytes(extra[5:9], "little", signed=True)
        extra = extra[_EXTRA.size + size :]
    return None


def _content(file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield a member's bytes, with the fastest inflate available, which zipfile cannot use."""
    if info.compress_type not in _METHODS:
        name = _METHOD_NAMES.get(info.compress_type, "unknown")
        raise BadArchive(
            f"{info.filename!r}: unsupported compression method {info.compress_type} ({name})", _OTHER_ARCHIVE
        )
    stored = _read_stored(file, info)
    with _archive_errors():
        yield from _check_content(
            _METHODS[info.compress_type](lambda: next(stored, b""), info.file_size), info
        )


def _copy_stored(read: Callable[[], bytes], _: int) -> Iterator[bytes]:
    while piece := read():
        yield piece


_METHODS: dict[int, Callable[[Callable[[], bytes], int], Iterator[bytes]]] = {
    zipfile.ZIP_STORED: _copy_stored,
    zipfile.ZIP_DEFLATED: lambda read, _: decompress.inflate_deflated(read),
    zipfile.ZIP_BZIP2: lambda read, _: decompress.inflate("bz2", read),
    zipfile.ZIP_LZMA: decompress.inflate_lzma,
    93: lambda read, _: decompress.inflate("zst", read),
    95: lambda read, _: decompress.inflate("xz", read),
}
"""Compression methods by their number in APPNOTE.TXT, 4.4.5."""


def _read_stored(file: IO[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    file.seek(info.header_offset)
    signature, name, extra = _LOCAL.unpack(file.read(_LOCAL.size))
    if signature != b"PK\3\4":
        raise BadArchive(f"{info.filename!r}: not at the offset in the directory")
    file.seek(name + extra, 1)
    left = info.compress_size
    while data := file.read(min(left, decompress.PIECE)):
        left -= len(data)
        yield data


def _check_content(pieces: Iterator[bytes], info: zipfile.ZipInfo) -> Iterator[bytes]:
    crc = size = 0
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
        size += len(piece)
        if size > info.file_size:
            break
        yield piece
    if crc != info.CRC or size != info.file_size:
        raise BadArchive(f"{info.filename!r} is corrupt")
