"""Decompression of the blocks of an xz stream on two processors.

`xz -T`, the default since xz 5.6, records in the header of each block the sizes of its data, so that blocks can be
separated without decompressing them. Each is decompressed as a stream of its own, which liblzma verifies. Blocks
without sizes, or larger than `xz -6` makes them, are not separated: memory is bounded.

Format: https://tukaani.org/xz/xz-file-format.txt. This module is imported without envmgr, too (see `decompress`).
"""

from __future__ import annotations

import lzma
import struct
from collections import deque
from importlib import import_module
from zlib import crc32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envmgr.install.archive.read_ahead import ReadAhead
else:  # beside this file, for a process that does not import envmgr
    ReadAhead = import_module(f"{__package__}.read_ahead".lstrip(".")).ReadAhead

THREAD_NAME = "envmgr-xz-block"
_WORKERS = 2
_PIECE_BYTES = 1 << 18
_MAX_WAITING_PIECES = 48  # of a block that is not the next
_MAX_BLOCK_BYTES = 24 << 20
_MAX_DICTIONARY_BYTES = 8 << 20
_MAGIC, _FOOTER_MAGIC = b"\xfd7zXZ\0", b"YZ"
_HEADER_BYTES = 12
_MAX_BLOCK_HEADER_BYTES = 1024
_BOTH_SIZES_AND_ONE_FILTER = 0xC0
_LZMA2 = 0x21
_CHECK_BYTES = (0, 4, 4, 4, 8, 8, 8, 16, 16, 16, 32, 32, 32, 64, 64, 64)
_INDEX = b"\0"


class BlockError(ValueError):
    """A stream is corrupt, or its later blocks are not like its first one."""


class Input:
    """A stream received in pieces and read in requested sizes."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._read = read
        self._buffer = bytearray()

    def peek(self, count: int) -> bytes:
        """Return the next bytes without consuming them, fewer only at the end."""
        while len(self._buffer) < count:
            piece = self._read()
            if not piece:
                break
            self._buffer += piece
        with memoryview(self._buffer) as buffer:  # a slice of a bytearray would be a copy of its own
            return bytes(buffer[:count])

    def read_exactly(self, count: int) -> bytes:
        """Return the next bytes; raise BlockError if there are fewer."""
        content = self.peek(count)
        if len(content) < count:
            raise BlockError("truncated")
        del self._buffer[:count]
        return content

    def skip_padding(self) -> None:
        """Skip zero bytes, which may follow a stream."""
        while self.peek(1) == b"\0":
            del self._buffer[: len(self._buffer) - len(self._buffer.lstrip(b"\0"))]

    def read(self) -> bytes:
        """Return what was received already, then what `read` returns."""
        content = bytes(self._buffer) or self._read()
        self._buffer.clear()
        return content


def inflate_streams(source: Input) -> Iterator[bytes]:
    """Yield the content of the streams with separable blocks that come first, and skip their padding."""
    while has_separable_blocks(source):
        yield from inflate_stream(source)
        source.skip_padding()


def has_separable_blocks(source: Input) -> bool:
    """Return whether the next bytes are the start of a stream with a block that can be separated."""
    start = source.peek(_HEADER_BYTES + _MAX_BLOCK_HEADER_BYTES)
    header = start[_HEADER_BYTES:]
    if not start.startswith(_MAGIC) or not header or header[:1] == _INDEX:
        return False
    try:
        _sizes(header[: 4 * (header[0] + 1)])
    except BlockError:
        return False
    return True


def inflate_stream(source: Input) -> Iterator[bytes]:
    """Yield the content of one stream with separable blocks.

    Raises BlockError or LZMAError if it is corrupt.
    """
    stream_header = source.read_exactly(_HEADER_BYTES)
    records: list[tuple[int, int]] = []
    blocks: deque[ReadAhead] = deque()
    try:
        while True:
            while len(blocks) < _WORKERS and source.peek(1) != _INDEX:
                blocks.append(_read_block(source, stream_header, records))
            if not blocks:
                break
            yield from blocks[0]
            blocks.popleft()
    finally:
        for block in blocks:
            block.close()
    if source.read_exactly(len(_trailer(stream_header, records))) != _trailer(stream_header, records):
        raise BlockError("index does not match the blocks")


def _read_block(source: Input, stream_header: bytes, records: list[tuple[int, int]]) -> ReadAhead:
    """Read a whole block and start to decompress it."""
    size = 4 * (source.read_exactly(1)[0] + 1)
    header = bytes([size // 4 - 1]) + source.read_exactly(size - 1)
    compressed, uncompressed = _sizes(header)
    unpadded = size + compressed + _CHECK_BYTES[stream_header[7] & 0xF]
    body = source.read_exactly(compressed + -compressed % 4 + _CHECK_BYTES[stream_header[7] & 0xF])
    records.append((unpadded, uncompressed))
    stream = b"".join((stream_header, header, body, _trailer(stream_header, records[-1:])))
    return ReadAhead(_inflate_block(stream, uncompressed), _MAX_WAITING_PIECES, THREAD_NAME)


def _sizes(header: bytes) -> tuple[int, int]:
    """Return the sizes in a block's header; raise BlockError if the block is not separable."""
    try:
        return _parsed_sizes(header)
    except IndexError:
        raise BlockError("invalid block header") from None


def _parsed_sizes(header: bytes) -> tuple[int, int]:
    if header[1] != _BOTH_SIZES_AND_ONE_FILTER or crc32(header[:-4]) != int.from_bytes(header[-4:], "little"):
        raise BlockError("block without sizes, or of several filters")
    compressed, position = _integer(header, 2)
    uncompressed, position = _integer(header, position)
    if header[position : position + 2] != bytes([_LZMA2, 1]):
        raise BlockError("unsupported filter")
    bits = header[position + 2]
    dictionary = (2 | bits & 1) << (bits // 2 + 11)
    if not 0 < compressed <= _MAX_BLOCK_BYTES or uncompressed > _MAX_BLOCK_BYTES:
        raise BlockError("block too large")
    if dictionary > _MAX_DICTIONARY_BYTES:
        raise BlockError("dictionary too large")
    return compressed, uncompressed


def _integer(content: bytes, position: int) -> tuple[int, int]:
    """Return a variable-length integer and the position after it."""
    value = shift = 0
    while content[position] & 0x80:
        value |= (content[position] & 0x7F) << shift
        position, shift = position + 1, shift + 7
    return value | content[position] << shift, position + 1


def _encode_integer(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:  # noqa: PLR2004 - seven bits a byte
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _trailer(stream_header: bytes, records: list[tuple[int, int]]) -> bytes:
    """Return the index and footer of a stream with these blocks: unpadded size, and size of the content."""
    numbers = [len(records), *(number for record in records for number in record)]
    index = _INDEX + b"".join(map(_encode_integer, numbers))
    index += bytes(-len(index) % 4)
    index += struct.pack("<I", crc32(index))
    fields = struct.pack("<I", len(index) // 4 - 1) + stream_header[6:8]
    return index + struct.pack("<I", crc32(fields)) + fields + _FOOTER_MAGIC


def _inflate_block(stream: bytes, size: int) -> Iterator[bytes]:
    """Yield the content of a stream of one block; raise BlockError or LZMAError if it is corrupt."""
    decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ)
    while not decompressor.eof:
        piece = decompressor.decompress(stream, _PIECE_BYTES)
        stream = b""  # the decompressor has its bytes
        if piece:
            size -= len(piece)
            yield piece
        elif decompressor.needs_input and not decompressor.eof:
            raise BlockError("truncated block")
    if size:
        raise BlockError("block of another size")
