"""Decompression on another processor: in a thread, or in a bare Python that writes to a pipe."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from functools import partial
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Self

from envmgr.install.archive import decompress
from envmgr.install.archive.decompress_thread import decompress_in_thread
from envmgr.kit.environment import python
from envmgr.kit.errors import BadArchive

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Generator, Iterator
    from io import FileIO

SMALL = 2 << 20  # below this, starting a process takes longer than decompressing
_PIPE = 1 << 20
_IN_THREADS = frozenset({"gz"})
"""Compressions that need little memory: others have dictionaries, or blocks, of up to 64 MB and more."""

_STREAM_KINDS = {"xz": decompress.XZ_BLOCKS}
"""Kinds of the program that may fail for a valid stream: files are then decompressed by the plain kind."""

_PACKAGES = {"gz": "isal", "zst": "backports.zstd"}


def decompress_file(file: IO[bytes], kind: str) -> Generator[bytes]:
    """Yield the content of a compressed file (gz, xz, bz2 or zst); raise BadArchive if it is corrupt."""
    read = partial(file.read, decompress.PIECE)
    if os.fstat(file.fileno()).st_size < SMALL:
        return _in_process(read, kind)
    if kind in _IN_THREADS:
        return decompress_in_thread(read, kind)
    return _in_subprocess(file, kind, kind) if _has_program() else _in_process(read, kind)


def decompress_stream(read: Callable[[], bytes], kind: str) -> Generator[bytes]:
    """Yield the content of a compressed stream, as `decompress_file` does; raise what `read` raises, too.

    `read` may wait for bytes: it is called in another thread, which ends before the generator does.
    """
    if kind in _IN_THREADS:
        return decompress_in_thread(read, kind)
    return _in_fed_subprocess(read, kind) if _has_program() else _in_process(read, kind)


def _has_program() -> bool:
    return bool(python()) and os.path.isfile(decompress.__file__)


def _in_process(read: Callable[[], bytes], kind: str) -> Generator[bytes]:
    try:
        yield from decompress.inflate(kind, read)
    except decompress.DamagedError as error:
        raise BadArchive(f"invalid {kind} stream: {error}") from error


def _in_fed_subprocess(read: Callable[[], bytes], kind: str) -> Generator[bytes]:
    feeder = _Feeder(read)
    try:
        with feeder:
            yield from _in_subprocess(feeder.source, kind, _STREAM_KINDS.get(kind, kind))
    except BadArchive:
        feeder.raise_error()  # the process read a truncated stream because of it
        raise
    feeder.raise_error()


class _Feeder:
    """Thread that writes a stream into a pipe, until the stream ends or the pipe has no reader."""

    def __init__(self, read: Callable[[], bytes]) -> None:
        self._error: Exception | None = None
        self._read = read
        source, sink = os.pipe()
        _enlarge_pipe(sink, decompress.PIECE)
        self.source, self._sink = open(source, "rb", buffering=0), open(sink, "wb", buffering=0)  # noqa: SIM115 - closed below
        self._thread = threading.Thread(target=self._feed, name="envmgr-feeder", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the reading end and wait for the thread."""
        self.source.close()
        self._thread.join()

    def _feed(self) -> None:
        try:
            with self._sink:
                while block := self._read():
                    _write_whole(self._sink, block)
        except BrokenPipeError:  # the process ended; which its status explains
            pass
        except Exception as error:  # noqa: BLE001 - raised again in the thread that reads the content
            self._error = error

    def raise_error(self) -> None:
        """Raise the stream's error, if any; called after the block."""
        if self._error:
            raise self._error from None


def _write_whole(pipe: FileIO, block: bytes) -> None:
    remainder = memoryview(block)
    while remainder:
        remainder = remainder[pipe.write(remainder) or 0 :]


def _in_subprocess(file: IO[bytes], kind: str, program_kind: str) -> Generator[bytes]:
    import subprocess

    process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own file
        [python(), "-I", "-S", decompress.__file__, program_kind, *_directories(program_kind)],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # this process handles Ctrl-C; the child ends with its pipe
    )
    with process, contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        yield from _pieces(process)
        if process.wait() != 0:
            raise BadArchive(f"invalid {kind} stream: {_stderr_message(process)}")


def _pieces(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    output = process.stdout.fileno()  # type: ignore[union-attr] # it is a pipe
    _enlarge_pipe(output, _PIPE)
    while piece := os.read(output, _PIPE):
        yield piece


def _stderr_message(process: subprocess.Popen[bytes]) -> str:
    message = process.stderr.read().decode(errors="replace")  # type: ignore[union-attr] # it is a pipe
    if process.returncode == decompress.DAMAGED:
        return message
    last = message.strip().splitlines()[-1:] or [""]
    return f"the decompressing process exited with status {process.returncode} {last[0]}".strip()


def _enlarge_pipe(pipe: int, size: int) -> None:
    """Enlarge a pipe so that its writer can run ahead."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, size)


def _directories(kind: str) -> list[str]:
    """Return the directory of the module or package that a kind requires."""
    if kind == decompress.XZ_BLOCKS:
        return [os.path.dirname(decompress.__file__)]
    package = _PACKAGES.get(kind)
    try:
        spec = find_spec(package) if package else None
    except ModuleNotFoundError:  # the parent of a dotted name is not there
        return []
    if package is None or spec is None or spec.origin is None:
        return []
    directory = os.path.dirname(spec.origin)
    for _ in package.split("."):
        directory = os.path.dirname(directory)
    return [directory]
