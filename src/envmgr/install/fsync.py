"""Syncing a tree to disk before it is renamed into place.

A rename may reach the disk before the data of the files it makes visible: after a power cut a receipt could be in a
tree of empty files. Syncing each of 20,000 files would take longer than the rest of an installation; `syncfs`
(https://man7.org/linux/man-pages/man2/syncfs.2.html) syncs the whole file system in one call. Started during
decompression, it leaves less than a tenth of a second of 400 MB to wait for. Without that call, `sync` is the fallback.
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
    """Sync the file system in the background during a block, so that the final sync is short."""
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
    """Sync the directory's file system, as far as the system supports it."""
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
