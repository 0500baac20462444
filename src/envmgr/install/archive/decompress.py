"""Decompression of a stream: as a generator, or as a process between two pipes.

Run as `python -I -S decompress.py KIND [DIRECTORY…]` it reads standard input and writes standard output without
importing envmgr: a bare Python holds an xz dictionary of 64 MB within the memory limit of an install, and a second
processor decompresses while the first one writes files. DIRECTORY has the compiled modules, since such a process has no
site-packages. Corrupt input ends it with status 3 and the reason on standard error. For the KIND `xz-blocks`, blocks of
an xz stream are decompressed on two processors where they can be separated.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    class _Decompressor:
        eof: bool
        needs_input: bool
        unused_data: bytes

        def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


PIECE = 1 << 18
DAMAGED = 3
XZ_BLOCKS = "xz-blocks"
_LZMA_HEADER_BYTES = 9  # version, length of the properties, properties
_MEMBER_MAGIC = {"gz": b"\x1f\x8b", "bz2": b"BZh"}
XZ_MEMORY = 1 << 29  # the memory limit of a dictionary; `xz -9` needs 65 MB


class DamagedError(Exception):
    """The stream is corrupt or truncated."""


def inflate(kind: str, read: Callable[[], bytes]) -> Iterator[bytes]:
    """Yield the content of a stream of members (gz, xz, bz2 or zst), at most PIECE bytes at a time."""
    make = _MAKERS[kind]
    data = read()
    if not data:
        raise DamagedError("empty")
    while data:
        member = make()
        yield from _member(kind, member, data, read)
        data = _next_member(kind, _after_padding(member.unused_data, read), read)


def _next_member(kind: str, data: bytes, read: Callable[[], bytes]) -> bytes:
    """Return the next member; like gzip and bzip2, ignore bytes after the last one that begin no member."""
    magic = _MEMBER_MAGIC.get(kind, b"")
    while data and len(data) < len(magic):
        more = read()
        if not more:
            return b""
        data += more
    return data if data.startswith(magic) else b""


def inflate_xz_blocks(read: Callable[[], bytes]) -> Iterator[bytes]:
    """Yield the content of an xz stream, like `inflate`, on two processors if its blocks can be separated."""
    xz_blocks = import_module("xz_blocks")  # beside this file, for a process that does not import envmgr
    source = xz_blocks.Input(read)
    has_blocks = xz_blocks.has_separable_blocks(source)
    if has_blocks:
        try:
            yield from xz_blocks.inflate_streams(source)
        except (ValueError, *_errors("xz")) as error:
            raise DamagedError(str(error) or "corrupt") from error
    if not has_blocks or source.peek(1):
        yield from inflate("xz", source.read)


def inflate_deflated(read: Callable[[], bytes]) -> Iterator[bytes]:
    """Yield the content of a raw deflate stream, as in zip archives."""
    return _member("gz", _deflate(), b"", read)


def inflate_lzma(read: Callable[[], bytes], size: int) -> Iterator[bytes]:
    """Yield the content of an LZMA member of a zip archive, which may lack an end marker: `size` bytes."""
    data = read()
    member = _lzma(data)
    data = data[_LZMA_HEADER_BYTES:]
    while size and not member.eof:
        piece = _decompress("xz", member, data, min(size, PIECE))
        size -= len(piece)
        if piece:
            yield piece
        data = b""
        if size and member.needs_input and not member.eof:
            data = read()
            if not data:
                raise DamagedError("truncated")


def _lzma(header: bytes) -> Any:
    """Return the decompressor that a member's header describes (APPNOTE.TXT, 5.8.8)."""
    import lzma

    if len(header) < _LZMA_HEADER_BYTES or header[2:4] != b"\5\0":
        raise DamagedError("invalid LZMA header")
    remainder, lc = divmod(header[4], 9)
    pb, lp = divmod(remainder, 5)
    dictionary = int.from_bytes(header[5:9], "little")
    if dictionary > XZ_MEMORY:
        raise DamagedError(f"LZMA dictionary too large ({dictionary} bytes)")
    options = {"id": lzma.FILTER_LZMA1, "dict_size": max(dictionary, 1 << 12), "lc": lc, "lp": lp, "pb": pb}
    try:
        return lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=[options])
    except (ValueError, *_errors("xz")) as error:
        raise DamagedError(f"invalid LZMA header: {error}") from error


def _decompress(kind: str, member: _Decompressor, data: bytes, max_length: int) -> bytes:
    """Return the next content of a member; raise DamagedError if it is corrupt."""
    try:
        return member.decompress(data, max_length)
    except (OSError, ValueError, EOFError, *_errors(kind)) as error:
        raise DamagedError(str(error) or "corrupt") from error


def _member(kind: str, member: _Decompressor, data: bytes, read: Callable[[], bytes]) -> Iterator[bytes]:
    while not member.eof:
        piece = _decompress(kind, member, data, PIECE)
        if piece:
            yield piece
        data = b""
        if member.needs_input and not member.eof:
            data = read()
            if not data:
                raise DamagedError("truncated")


def _after_padding(data: bytes, read: Callable[[], bytes]) -> bytes:
    """Skip zero bytes between members and after the last one."""
    while True:
        remainder = data.lstrip(b"\0")
        if remainder:
            return remainder
        data = read()
        if not data:
            return b""


def _gz() -> Any:
    try:
        from isal import igzip_lib
    except ImportError:
        return _Zlib(31)
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_GZIP)


def _deflate() -> Any:
    try:
        from isal import igzip_lib
    except ImportError:
        return _Zlib(-15)
    return igzip_lib.IgzipDecompressor(flag=igzip_lib.DECOMP_DEFLATE)


class _Zlib:
    """Adapt zlib's decompressor to the interface of the others."""

    def __init__(self, window: int) -> None:
        import zlib

        self._wrapped = zlib.decompressobj(window)

    @property
    def eof(self) -> bool:
        return self._wrapped.eof

    @property
    def needs_input(self) -> bool:
        return not self._wrapped.unconsumed_tail and not self._wrapped.eof

    @property
    def unused_data(self) -> bytes:
        return self._wrapped.unused_data

    def decompress(self, data: bytes, max_length: int = 0) -> bytes:
        return self._wrapped.decompress(self._wrapped.unconsumed_tail + data, max_length)


def _xz() -> Any:
    import lzma

    return lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY)


def _bz2() -> Any:
    import bz2

    return bz2.BZ2Decompressor()


def _zst() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.ZstdDecompressor()


_MAKERS = {"gz": _gz, "xz": _xz, "bz2": _bz2, "zst": _zst}


def _errors(kind: str) -> tuple[Any, ...]:
    """Return a decompressor's own exceptions, in addition to OSError, ValueError and EOFError."""
    if kind == "xz":
        import lzma

        return (lzma.LZMAError, MemoryError)
    if kind == "gz":
        import zlib

        return (zlib.error, *_igzip_errors())
    return (_zstd_error(),) if kind == "zst" else ()


def _igzip_errors() -> tuple[Any, ...]:
    try:
        from isal import igzip_lib
    except ImportError:
        return ()
    return (igzip_lib.error,)


def _zstd_error() -> Any:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd.ZstdError


def main(kind: str, directories: list[str]) -> int:
    """Decompress standard input to standard output."""
    sys.path += directories
    try:
        for piece in _content(kind, lambda: os.read(0, PIECE)):
            _write(piece)
    except DamagedError as error:
        os.write(2, str(error).encode(errors="replace"))
        return DAMAGED
    except BrokenPipeError:  # the reader closed the pipe early
        return 1
    return 0


def _content(kind: str, read: Callable[[], bytes]) -> Iterator[bytes]:
    return inflate_xz_blocks(read) if kind == XZ_BLOCKS else inflate(kind, read)


def _write(piece: bytes) -> None:
    remainder = memoryview(piece)
    while remainder:
        remainder = remainder[os.write(1, remainder) :]


if __name__ == "__main__":
    os._exit(main(sys.argv[1], sys.argv[2:]))
