"""Locks between processes."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from envmgr.kit.fs import make_dir, storage_errors
from envmgr.kit.paths import Paths, file_name

if TYPE_CHECKING:
    from collections.abc import Iterator


def name_of_path(kind: str, path: str) -> str:
    """Return the name of the lock of a path: as short for a long one, and the same in every locale."""
    import hashlib

    return f"{kind}-{hashlib.sha256(os.fsencode(path)).hexdigest()}"


@contextlib.contextmanager
def file_lock(paths: Paths, name: str) -> Iterator[None]:
    """Acquire a named lock across threads and processes; the system releases it on exit."""
    from filelock import FileLock

    make_dir(paths.locks)
    with storage_errors(paths.locks):
        lock = FileLock(os.path.join(paths.locks, f"{file_name(name)}.lock"), thread_local=False)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
