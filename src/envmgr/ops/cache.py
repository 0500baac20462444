"""The download cache."""

from __future__ import annotations

import os

from envmgr.kit.fs import remove_tree
from envmgr.kit.value import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from envmgr.ops.context import Context


@frozen
class Entry:
    """A cached file, by its path below the cache, and its size in bytes."""

    name: str
    bytes: int


@frozen
class Cache:
    """What the cache holds."""

    path: str
    entries: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        """Return the size of it all."""
        return sum(entry.bytes for entry in self.entries)


def show(context: Context) -> Cache:
    """Return what is cached: archives and lists of releases."""
    return Cache(context.paths.cache, tuple(sorted(_entries(context), key=lambda entry: entry.name)))


def clear(context: Context) -> Cache:
    """Remove all that is cached and return what it was."""
    before = show(context)
    for directory in (context.paths.downloads, context.paths.index):
        remove_tree(directory)
    return before


def _entries(context: Context) -> Iterator[Entry]:
    for top in (context.paths.downloads, context.paths.index):
        for directory, _, names in os.walk(top):
            for name in names:
                path = os.path.join(directory, name)
                if os.path.isfile(path):
                    yield Entry(os.path.relpath(path, context.paths.cache), os.path.getsize(path))
