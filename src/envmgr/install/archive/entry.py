"""Entries of archives, independent of the format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE: Final = "file"
DIRECTORY: Final = "directory"
SYMLINK: Final = "symbolic link"
HARDLINK: Final = "hard link"


class Entry:
    """One member of an archive, with its path as the archive spells it.

    `kind` is one of the constants above, or the name of what is never unpacked ("FIFO", "device", …). `mode` holds
    all permission bits, `mtime` is in nanoseconds (None: the archive does not say), `target` is a link's. `content`
    is a file's bytes in pieces, to be read, or not, before the next entry is asked for.
    """

    __slots__ = ("content", "kind", "mode", "mtime", "path", "target")

    def __init__(
        self,
        path: str,
        kind: str,
        mode: int,
        mtime: int | None,
        target: str = "",
        content: Iterable[bytes | memoryview] = (),
    ) -> None:
        self.path = path
        self.kind = kind
        self.mode = mode
        self.mtime = mtime
        self.target = target
        self.content = content
