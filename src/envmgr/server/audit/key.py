"""The key that signs the audit, in a file that only its owner reads."""

from __future__ import annotations

import os
from base64 import b64decode, b64encode

from envmgr.kit import ed25519


def private_key(path: str) -> bytes:
    """Return the key kept in a file; make both where there is none. Raise ValueError for a file that holds none."""
    try:
        return _read(path)
    except FileNotFoundError:
        _make(path)
        return _read(path)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        text = file.read().strip()
    try:
        key = b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != ed25519.PRIVATE_LENGTH:
        raise ValueError(
            f"{path} holds no Ed25519 key: put the right one back, or move it away to begin a new one"
        )
    return key


def _make(path: str) -> None:
    """Write a new key, whole or not at all; if another process is first, its key stays."""
    beside = f"{path}.{os.getpid()}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(b64encode(ed25519.generate()) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            return
        except OSError:  # a file system without links
            os.rename(beside, path)
    finally:
        if os.path.exists(beside):
            os.unlink(beside)
