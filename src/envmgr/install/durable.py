"""Bring a tree to the disk before its name does.

A rename may reach the disk before the data of the files it makes visible. After a power cut a receipt could then
stand in a tree of empty files. Syncing each of 20,000 files would take longer than all else together; `syncfs`
(https://man7.org/linux/man-pages/man2/syncfs.2.html) does it for the whole file system in one call, most of whose
work the kernel has done while we were still inflating. Where there is no such call, `sync` is the nearest.
"""

from __future__ import annotations

import os
import sys


def flush(directory: str) -> None:
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
