"""Sparse files of tar archives: GNU's old format, and PAX 0.0, 0.1 and 1.0.

Formats: https://www.gnu.org/software/tar/manual/html_node/Sparse-Formats.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import BadArchive

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

BLOCK = 512
MAX_SEGMENTS = 1 << 17
PREFIX = "GNU.sparse."
MAP, NAME = f"{PREFIX}map", f"{PREFIX}name"
PAIR_FIELDS = frozenset({f"{PREFIX}offset", f"{PREFIX}numbytes"})
"""Fields of PAX 0.0, which are repeated in pairs; joined by commas they are the MAP of 0.1."""

_ZEROS = memoryview(bytes(1 << 16))
_MAX_DIGITS = 19
_FIELD = 12
_HEADER_FIELDS, _BLOCK_FIELDS = range(386, 482, 2 * _FIELD), range(0, 504, 2 * _FIELD)
_HEADER_CONTINUES, _BLOCK_CONTINUES = 482, 504

Segment = tuple[int, int]
"""Offset and length of stored data; the rest of a file is zeros."""


def real_size(extended: Mapping[str, str]) -> int:
    """Return the size of a file by its PAX records."""
    return _integer(extended.get(f"{PREFIX}realsize") or extended.get(f"{PREFIX}size") or "")


def has_map_in_data(extended: Mapping[str, str]) -> bool:
    """Return whether the map precedes the data, as in PAX 1.0."""
    return extended.get(f"{PREFIX}major") == "1"


def parse_map(text: str) -> list[Segment]:
    """Parse the MAP of PAX 0.1."""
    return _pair_numbers([_integer(number) for number in text.split(",")] if text else [])


def read_map(read_block: Callable[[], bytes]) -> list[Segment]:
    """Read the map of PAX 1.0: decimal numbers, each on a line, in whole blocks."""
    numbers: list[int] = []
    data = b""
    while not numbers or len(numbers) <= 2 * numbers[0]:
        *lines, data = (data + read_block()).split(b"\n")
        numbers += [_integer(line.decode("latin-1")) for line in lines[: _missing(numbers)]]
        if len(data) > BLOCK or (numbers and numbers[0] > MAX_SEGMENTS):
            raise BadArchive("invalid map of a sparse file")
    return _pair_numbers(numbers[1:])


def _missing(numbers: list[int]) -> int | None:
    return 1 + 2 * numbers[0] - len(numbers) if numbers else None


def read_gnu_map(
    header: bytes, read_block: Callable[[], bytes], number: Callable[[bytes], int]
) -> list[Segment]:
    """Read the map of GNU's old format: in the header, continued in blocks after it."""
    segments = _segments_in(header, _HEADER_FIELDS, number)
    continues = header[_HEADER_CONTINUES]
    while continues:
        block = read_block()
        segments += _segments_in(block, _BLOCK_FIELDS, number)
        continues = block[_BLOCK_CONTINUES]
        if len(segments) > MAX_SEGMENTS:
            raise BadArchive("invalid map of a sparse file")
    return segments


def _segments_in(block: bytes, offsets: Iterable[int], number: Callable[[bytes], int]) -> list[Segment]:
    pairs = [(block[at : at + _FIELD], block[at + _FIELD : at + 2 * _FIELD]) for at in offsets]
    return [(number(offset), number(length)) for offset, length in pairs if length.strip(b"\0 ")]


def check_map(segments: list[Segment], size: int, stored: int) -> int:
    """Return the bytes of the holes; raise BadArchive if a map does not describe a file of these sizes."""
    position = 0
    for offset, length in segments:
        if offset < position or length < 0:
            raise BadArchive("invalid map of a sparse file")
        position = offset + length
    if position > size or sum(length for _, length in segments) != stored:
        raise BadArchive("invalid map of a sparse file")
    return size - stored


def expand(
    segments: list[Segment], size: int, read: Callable[[int], Iterator[memoryview]]
) -> Iterator[memoryview]:
    """Yield a file's content, the holes as zeros."""
    position = 0
    for offset, length in segments:
        yield from _zeros(offset - position)
        yield from read(length)
        position = offset + length
    yield from _zeros(size - position)


def _zeros(count: int) -> Iterator[memoryview]:
    while count > 0:
        yield _ZEROS[:count]
        count -= len(_ZEROS)


def _pair_numbers(numbers: list[int]) -> list[Segment]:
    if len(numbers) % 2:
        raise BadArchive("invalid map of a sparse file")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _integer(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise BadArchive(f"invalid number {text[:_MAX_DIGITS]!r} in the map of a sparse file")
    return int(text)
