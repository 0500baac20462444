"""Verification of files against digests."""

from __future__ import annotations

import hashlib
import os

from envmgr.kit.digest import Digest
from envmgr.kit.errors import StorageError


def digest_of(path: str, algorithm: str = "sha256") -> Digest:
    """Return a file's digest, in constant memory."""
    try:
        with open(path, "rb") as file:
            return Digest(algorithm, hashlib.file_digest(file, algorithm).hexdigest())
    except OSError as error:
        raise StorageError(f"cannot read {path}: {os.strerror(error.errno or 0)}") from error


def verify_file(path: str, digest: Digest) -> bool:
    """Return whether a file exists and matches a digest."""
    return os.path.isfile(path) and digest_of(path, digest.algorithm) == digest
