"""Tar reader: streams v7, ustar, pax and GNU archives.

The standard library's reader takes about three times as long for each entry and ends silently at a corrupt header.
Formats: https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_06 and
https://www.gnu.org/software/tar/manual/html_node/Standard.html
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from envmgr.install.archive import tar_sparse
from envmgr.install.archive.entry import DIRECTORY, FILE, HARDLINK, SYMLINK, Entry
from envmgr.kit.errors import BadArchive

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

BLOCK = 512
MAX_EXTENSION_BYTES = 1 << 20  # a pax header or a GNU long name: longer ones are not paths
_NOTHING = bytes(BLOCK)
_KINDS = {
    b"0": FILE,
    b"\0": FILE,
    b"7": FILE,
    b"1": HARDLINK,
    b"2": SYMLINK,
    b"3": "character device",
    b"4": "block device",
    b"5": DIRECTORY,
    b"6": "FIFO",
    b"S": FILE,
    b"D": "directory of an incremental backup",
    b"M": "part of a file in several volumes",
}
_MAX_DIGITS = 19
_NO_FIELDS: Mapping[str, str] = {}
_FIELDS = {"path", "linkpath", "size", "mtime"}
_NANOSECONDS = 10**9
_POSITIVE, _NEGATIVE = 0x80, 0xFF


class Stream:
    """A byte stream received in pieces and read in requested sizes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._piece = memoryview(b"")
        self.position = 0

    def read(self, count: int) -> bytes:
        """Return the next bytes, fewer only at the end of the stream."""
        piece = self._piece
        if len(piece) >= count:
            self._piece = piece[count:]
            self.position += count
            return bytes(piece[:count])
        return b"".join(self._parts(count))

    def parts(self, count: int) -> Iterator[memoryview]:
        """Yield exactly that many bytes, in pieces as received."""
        end = self.position + count
        yield from self._parts(count)
        if self.position < end:
            raise BadArchive("truncated inside a file")

    def content(self, count: int) -> Iterable[memoryview]:
        """Return what `parts` yields, already read if it is in one piece, as most small files are."""
        piece = self._piece
        if not count:
            return ()
        if len(piece) < count:
            return self.parts(count)
        self._piece = piece[count:]
        self.position += count
        return (piece[:count],)

    def skip_to(self, position: int) -> None:
        """Skip to a position."""
        for _ in self.content(position - self.position):
            pass

    def drain(self) -> bytes:
        """Read to the end, where a compressed stream is verified; return the first bytes."""
        first = bytes(self._piece)
        for _ in self._pieces:
            pass
        return first

    def _parts(self, count: int) -> Iterator[memoryview]:
        while count:
            if not self._piece:
                self._piece = memoryview(next(self._pieces, b""))
                if not self._piece:
                    return
            part = self._piece[:count]
            self._piece = self._piece[len(part) :]
            self.position += len(part)
            count -= len(part)
            yield part


def read(pieces: Iterator[bytes], *, is_sealed: bool, count_hole: Callable[[int], None]) -> Generator[Entry]:
    """Yield the entries of a tar stream; raise BadArchive if it is corrupt.

    Only an `is_sealed` stream (compressed, so that the container proves it is complete) may lack the end marker.
    `count_hole` gets the bytes of each sparse file that are not in the stream, before they are written.
    """
    stream = Stream(pieces)
    shared: dict[str, str] = {}
    special: dict[str, str] = {}
    while header := _next_header(stream, is_sealed):
        kind = header[156:157]
        if kind == b"g":
            shared |= _pax(_extension(stream, header))
        elif kind in {b"x", b"X"}:
            special |= _pax(_extension(stream, header))
        elif kind in {b"L", b"K"}:
            special["path" if kind == b"L" else "linkpath"] = _text(_extension(stream, header))
        elif kind == b"V":  # a volume's label
            continue
        else:
            extended = {**shared, **special} if shared or special else _NO_FIELDS
            end, entry = _entry(stream, header, extended, count_hole)
            yield entry
            stream.skip_to(end)
            special = {}
    if special:
        raise BadArchive("truncated after a file header")


def _next_header(stream: Stream, is_sealed: bool) -> bytes | None:
    header = stream.read(BLOCK)
    if header == _NOTHING:
        stream.drain()
        return None
    if not header and is_sealed:
        return None
    if len(header) < BLOCK:
        raise BadArchive("truncated" if stream.position else "empty")
    if _checksum(header) != _number(header[148:156]):
        raise BadArchive(f"corrupt header at byte {stream.position - BLOCK}, or not a tar archive")
    return header


def _checksum(header: bytes) -> int:
    """Return the sum of the bytes, those of the checksum taken as blanks.

    Adler-32 has the sum of up to 257 bytes in its lower half, and takes a tenth of the time of `sum`.
    """
    halves = (zlib.adler32(header[:256], 0) & 0xFFFF) + (zlib.adler32(header[256:], 0) & 0xFFFF)
    return halves - sum(header[148:156]) + 256


def _entry(
    stream: Stream, header: bytes, extended: Mapping[str, str], count_hole: Callable[[int], None]
) -> tuple[int, Entry]:
    """Return an entry, and the position after its content."""
    path = extended.get(tar_sparse.NAME) or extended.get("path") or _header_path(header)
    kind = _kind(header, path)
    size = _size(header, extended) if kind == FILE else 0
    segments = _gnu_map(stream, header) if kind == FILE else None
    end = stream.position + size
    entry = Entry(
        path,
        kind,
        _number(header[100:108]) & 0o7777,
        _mtime(header, extended),
        "" if kind == FILE else extended.get("linkpath") or _text(header[157:257]),
    )
    if segments is not None:
        entry.content = _expand_holes(stream, segments, _number(header[483:495]), size, count_hole)
    elif kind == FILE:
        entry.content = _content(stream, extended, size, count_hole)
    return end + -size % BLOCK, entry


def _gnu_map(stream: Stream, header: bytes) -> list[tar_sparse.Segment] | None:
    """Read the map of a sparse file of GNU's old format, which precedes its data; None for other files."""
    if header[156:157] != b"S":
        return None
    return tar_sparse.read_gnu_map(header, lambda: _block(stream), _number)


def _content(
    stream: Stream, extended: Mapping[str, str], size: int, count_hole: Callable[[int], None]
) -> Iterable[memoryview]:
    """Return the content of a file, with the holes that its PAX records describe."""
    if not extended or not any(name.startswith(tar_sparse.PREFIX) for name in extended):
        return stream.content(size)
    real_size = tar_sparse.real_size(extended)
    if tar_sparse.has_map_in_data(extended):
        return _read_mapped(stream, real_size, size, count_hole)
    segments = tar_sparse.parse_map(extended.get(tar_sparse.MAP, ""))
    return _expand_holes(stream, segments, real_size, size, count_hole)


def _read_mapped(
    stream: Stream, real_size: int, size: int, count_hole: Callable[[int], None]
) -> Iterator[memoryview]:
    """Yield the content of a sparse file whose data begins with its map."""
    end = stream.position + size

    def read_block() -> bytes:
        if stream.position + BLOCK > end:
            raise BadArchive("invalid map of a sparse file")
        return _block(stream)

    segments = tar_sparse.read_map(read_block)
    yield from _expand_holes(stream, segments, real_size, end - stream.position, count_hole)


def _expand_holes(
    stream: Stream,
    segments: list[tar_sparse.Segment],
    real_size: int,
    stored: int,
    count_hole: Callable[[int], None],
) -> Iterator[memoryview]:
    count_hole(tar_sparse.check_map(segments, real_size, stored))
    yield from tar_sparse.expand(segments, real_size, stream.parts)


def _block(stream: Stream) -> bytes:
    block = stream.read(BLOCK)
    if len(block) < BLOCK:
        raise BadArchive("truncated inside the map of a sparse file")
    return block


def _kind(header: bytes, path: str) -> str:
    code = header[156:157]
    kind = _KINDS.get(code, f"entry of type {code!r}")
    # before ustar, directories were marked only by a trailing slash
    return DIRECTORY if kind == FILE and path.endswith("/") else kind


def _header_path(header: bytes) -> str:
    name = _text(header[:100])
    if header[257:263] == b"ustar\0" and header[345]:  # GNU's own format has other fields there
        return f"{_text(header[345:500])}/{name}"
    return name


def _extension(stream: Stream, header: bytes) -> bytes:
    size = _number(header[124:136])
    if not 0 <= size <= MAX_EXTENSION_BYTES:
        raise BadArchive(f"extended header too large ({size} bytes)")
    content = stream.read(size)
    if len(content) < size:
        raise BadArchive("truncated inside an extended header")
    stream.skip_to(stream.position + -size % BLOCK)
    return content


def _pax(content: bytes) -> dict[str, str]:
    """Parse records `LENGTH KEY=VALUE` and a newline; return the supported keys."""
    records: dict[str, str] = {}
    pairs: list[str] = []
    while content:
        digits, space, _ = content[:20].partition(b" ")
        length = int(digits) if digits.isdigit() and space else 0
        key, equals, value = content[len(digits) + 1 : length - 1].partition(b"=")
        if not length or not equals or content[length - 1 : length] != b"\n":
            raise BadArchive("corrupt extended header")
        name = _decode(key)
        if name in tar_sparse.PAIR_FIELDS:
            pairs.append(_decode(value))
        elif name in _FIELDS or name.startswith(tar_sparse.PREFIX):
            records[name] = _decode(value)
        content = content[length:]
    return {**records, tar_sparse.MAP: ",".join(pairs)} if pairs else records


def _size(header: bytes, extended: Mapping[str, str]) -> int:
    text = extended.get("size")
    if text is not None and not _is_number(text):
        raise BadArchive(f"invalid file size {text[: _MAX_DIGITS + 1]!r}")
    size = _number(header[124:136]) if text is None else int(text)
    if size < 0:
        raise BadArchive(f"invalid file size {size}")
    return size


def _mtime(header: bytes, extended: Mapping[str, str]) -> int:
    text = extended.get("mtime")
    if text is None:
        return _number(header[136:148]) * _NANOSECONDS
    seconds, _, fraction = text.partition(".")
    if not (_is_number(seconds.removeprefix("-")) and _is_number(fraction or "0")):
        raise BadArchive(f"invalid file time {text[: _MAX_DIGITS + 1]!r}")
    nanoseconds = int(fraction[:9].ljust(9, "0"))
    return int(seconds) * _NANOSECONDS + (-nanoseconds if text.startswith("-") else nanoseconds)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS


def _number(field: bytes) -> int:
    """Parse a number: octal digits, or base 256 if the first byte is marked."""
    if field[0] == _POSITIVE:
        return int.from_bytes(field[1:])
    if field[0] == _NEGATIVE:
        return int.from_bytes(field, signed=True)
    digits = field.rstrip(b" \0").lstrip(b" ")
    if not digits.isdigit():  # which is rare
        digits = field.partition(b"\0")[0].strip(b" ")
    if not digits:
        return 0
    if not digits.isdigit():
        raise BadArchive(f"invalid number {digits!r} in a header")
    try:
        return int(digits, 8)
    except ValueError:
        raise BadArchive(f"invalid number {digits!r} in a header") from None


def _text(field: bytes) -> str:
    return _decode(field.partition(b"\0")[0])


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")
