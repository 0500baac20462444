"""Archive entries, independent of the format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE: Final = "file"
DIRECTORY: Final = "directory"
SYMLINK: Final = "symbolic link"
HARDLINK: Final = "hard link"


class Entry:
    """A member of an archive, with its path as stored.

    `kind` is a constant above, or the name of a kind that is never unpacked ("FIFO", "device", …). `mode` has the
    permission bits, `mtime` is in nanoseconds (None: unknown), `target` is a link's. `content` yields a file's bytes
    and must be read, or skipped, before the next entry.
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
