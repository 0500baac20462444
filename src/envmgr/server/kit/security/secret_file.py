"""Generated secrets in owner-only files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.kit.errors import EnvmgrError

if TYPE_CHECKING:
    from collections.abc import Callable


class SecretFileError(EnvmgrError):
    """A file with a secret cannot be read or created."""


def load_or_create(path: str, generate: Callable[[], bytes]) -> bytes:
    """Return the secret in a file, stripped; create both if missing; raise SecretFileError."""
    try:
        return _load_or_create(path, generate)
    except OSError as error:
        raise SecretFileError(
            f"cannot use the secret file {path}: {error.strerror}",
            "check its ownership, and that the disk has room",
        ) from error


def _load_or_create(path: str, generate: Callable[[], bytes]) -> bytes:
    try:
        return _read(path)
    except FileNotFoundError:
        _write(path, generate())
        return _read(path)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read().strip()


def _write(path: str, secret: bytes) -> None:
    """Write the file atomically; if another process was first, its secret stays."""
    beside = f"{path}.{os.getpid()}"
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secret + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(beside, path)
        except FileExistsError:
            return
        except OSError:  # the file system does not support links
            os.rename(beside, path)
    finally:
        if os.path.exists(beside):
            os.unlink(beside)
