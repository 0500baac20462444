"""Syncing a tree to disk before it is renamed into place.

A rename may reach the disk before the data of the files it makes visible: after a power cut a receipt could be in a
tree of empty files. Syncing each of 20,000 files would take longer than the rest of an installation; `syncfs`
(https://man7.org/linux/man-pages/man2/syncfs.2.html) syncs the whole file system in one call. Started during
decompression, it leaves less than a tenth of a second of 400 MB to wait for. Without that call, `sync` is the fallback.

Either also writes what other programs have not synced, so it is started only for enough of an archive: one that arrives
over a slow line takes as many calls as one that is read from a disk.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREAD_NAME = "envmgr-sync"
SYNC_INTERVAL_SECONDS = 0.5
SYNC_INTERVAL_BYTES = 16 << 20
"""Bytes of an archive, which expand to three or four times as many."""


@contextlib.contextmanager
def background_sync(directory: str, position: Callable[[], int]) -> Iterator[None]:
    """Sync the file system in the background during a block, so that the final sync is short.

    `position` returns how many bytes of the archive were read. A block that ends by an error, such as Ctrl-C, does not
    wait for a sync.
    """
    over = threading.Event()
    thread = threading.Thread(
        target=_sync_until, args=(over, directory, position), name=THREAD_NAME, daemon=True
    )
    thread.start()
    try:
        yield
    except BaseException:
        over.set()
        raise
    over.set()
    thread.join()


def _sync_until(over: threading.Event, directory: str, position: Callable[[], int]) -> None:
    synced_bytes = 0
    with contextlib.suppress(
        OSError, ValueError
    ):  # after an error, the tree is deleted and the archive closed
        while not over.wait(SYNC_INTERVAL_SECONDS):
            read_bytes = position()
            synced_bytes = min(synced_bytes, read_bytes)  # a zip archive is read at its end first
            if read_bytes - synced_bytes >= SYNC_INTERVAL_BYTES:
                sync(directory)
                synced_bytes = read_bytes


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
