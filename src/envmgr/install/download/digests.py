"""Verification of files against digests."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from envmgr.kit.digest import Digest
from envmgr.kit.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO

    Report = Callable[[int], None]
    """A function that is called with the bytes read since the last call."""

_BLOCK_BYTES = 1 << 20


def ignore_progress(_count: int) -> None:
    """Ignore a report of bytes read."""


def file_digest(path: str, algorithm: str = "sha256", report: Report = ignore_progress) -> Digest:
    """Return a file's digest, in constant memory."""
    try:
        with open(path, "rb", buffering=0) as file:
            return Digest(algorithm, hash_file(file, algorithm, report).hex())
    except OSError as error:
        raise StorageError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error


def hash_file(file: FileIO, algorithm: str, report: Report) -> bytes:
    """Return the digest of an unbuffered file from its position on."""
    hasher, buffer = hashlib.new(algorithm), bytearray(_BLOCK_BYTES)
    view = memoryview(buffer)
    while count := file.readinto(view):
        hasher.update(view[:count])
        report(count)
    return hasher.digest()


def has_digest(path: str, digest: Digest, report: Report = ignore_progress) -> bool:
    """Return whether a file exists and matches a digest."""
    return os.path.isfile(path) and file_digest(path, digest.algorithm, report) == digest
