"""Decompression on another processor: a bare Python decompresses into a pipe while files are written."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING

from envmgr.install.archive import decompress
from envmgr.kit.environment import python
from envmgr.kit.errors import BadArchive

if TYPE_CHECKING:
    from collections.abc import Iterator

SMALL = 2 << 20  # below this, starting a process takes longer than decompressing
_PIPE = 1 << 20
_PACKAGES = {"gz": "isal", "zst": "backports.zstd"}


def decompress_file(file: IO[bytes], kind: str) -> Iterator[bytes]:
    """Yield the content of a compressed file (gz, xz, bz2 or zst); raise BadArchive if it is corrupt."""
    if os.fstat(file.fileno()).st_size < SMALL or not (python() and os.path.isfile(decompress.__file__)):
        return _in_process(file, kind)
    return _in_subprocess(file, kind)


def _in_process(file: IO[bytes], kind: str) -> Iterator[bytes]:
    try:
        yield from decompress.inflate(kind, lambda: file.read(decompress.PIECE))
    except decompress.DamagedError as error:
        raise BadArchive(f"invalid {kind} stream: {error}") from error


def _in_subprocess(file: IO[bytes], kind: str) -> Iterator[bytes]:
    process = subprocess.Popen(  # noqa: S603 - our own interpreter with our own file
        [python(), "-I", "-S", decompress.__file__, kind, *_directories(kind)],
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
    _enlarge_pipe(output)
    while piece := os.read(output, _PIPE):
        yield piece


def _stderr_message(process: subprocess.Popen[bytes]) -> str:
    message = process.stderr.read().decode(errors="replace")  # type: ignore[union-attr] # it is a pipe
    if process.returncode == decompress.DAMAGED:
        return message
    last = message.strip().splitlines()[-1:] or [""]
    return f"the decompressing process exited with status {process.returncode} {last[0]}".strip()


def _enlarge_pipe(pipe: int) -> None:
    """Enlarge the pipe so that the decompressing process can run ahead."""
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)


def _directories(kind: str) -> list[str]:
    """Return the directory of the package that a kind requires."""
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
