"""Bring a tree to the disk before its name does.

A rename may reach the disk before the data of the files it makes visible. After a power cut a receipt could then
stand in a tree of empty files. Syncing each of 20,000 files would take longer than all else together; `syncfs`
(https://man7.org/linux/man-pages/man2/syncfs.2.html) does it for the whole file system in one call. Begun while we
still inflate, it leaves less than a tenth of a second of 400 MB to wait for. Without that call,
`sync` is the nearest.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SYNC_INTERVAL_SECONDS = 0.5


@contextlib.contextmanager
def background_sync(directory: str) -> Iterator[None]:
    """Bring what is written during a block to the disk as it comes, so that little is left for `flush`."""
    over = threading.Event()
    thread = threading.Thread(target=_sync_until, args=(over, directory), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _sync_until(over: threading.Event, directory: str) -> None:
    while not over.wait(SYNC_INTERVAL_SECONDS):
        sync(directory)


def sync(directory: str) -> None:
    """Return when all that was written to a directory's file system is on the disk, as far as the system lets us."""
    if sys.platform == "linux" and _syncfs(directory):
        return
    if hasattr(os, "sync"):
        os.sync()


def _syncfs(directory: str) -> bool:
    import ctypes

    descriptor = os.open(directory, os.O_RDONLY)
    try:
        return bool(ctypes.CDLL(None).syncfs(descriptor) == 0)
    except (AttributeError, OSError):  # a C library without it, or a Python without a dynamic loader
        return False
    finally:
        os.close(descriptor)
