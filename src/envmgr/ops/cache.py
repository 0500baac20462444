"""The download cache."""

from __future__ import annotations

import json
import os

from envmgr.install import store
from envmgr.kit import result_cache
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_error, remove_unused_tree, unlink_quietly

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envmgr.resolve.context import Context

ARCHIVE, SIGNATURE, UNFINISHED, NOTE, LIST = "archive", "signature", "unfinished", "note", "list"
_KINDS = {"sha256": ARCHIVE, "signatures": SIGNATURE, "partial": UNFINISHED, "urls": NOTE}


@frozen
class Entry:
    """A cached file: its path below the cache, kind, content and size in bytes."""

    name: str
    kind: str
    source: str
    bytes: int


@frozen
class Cache:
    """Contents of the cache."""

    path: str
    entries: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        """Return the size of it all."""
        return sum(entry.bytes for entry in self.entries)


def show(context: Context) -> Cache:
    """Return what is cached: archives and lists of releases."""
    entries = sorted(_entries(context), key=lambda entry: (entry.kind, entry.source, entry.name))
    return Cache(context.paths.cache, tuple(entries))


def clear(context: Context) -> Cache:
    """Remove all that is cached and return what it was."""
    before = show(context)
    context.progress.step("cache", f"removing {len(before.entries)} files")
    for path in (
        context.paths.downloads,
        context.paths.index,
        result_cache.directory_of(context.paths),
    ):
        remove_unused_tree(path)
    unlink_quietly(context.paths.pip_info)
    context.progress.done("cache", "removed")
    return before


def _entries(context: Context) -> Iterator[Entry]:
    installed = {item.sha256: f"{item.tool} {item.version}" for item in store.all_installed(context.paths)}
    for path in _files_below(context.paths.downloads):
        kind = _KINDS.get(os.path.basename(os.path.dirname(path)), NOTE)
        yield _entry(context, path, kind, _content(path, kind, installed))
    for path in _files_below(context.paths.index):
        yield _entry(context, path, LIST, _field(path, "asked"))


def _entry(context: Context, path: str, kind: str, source: str) -> Entry:
    return Entry(os.path.relpath(path, context.paths.cache), kind, source, os.path.getsize(path))


def _files_below(top: str) -> Iterator[str]:
    for directory, _, names in os.walk(top, onerror=_raise_unless_missing):
        for name in names:
            path = os.path.join(directory, name)
            if os.path.isfile(path):
                yield path


def _raise_unless_missing(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):
        raise read_error(error, error.filename) from error


def _content(path: str, kind: str, installed: Mapping[str, str]) -> str:
    name = os.path.basename(path)
    if kind in {ARCHIVE, SIGNATURE}:
        return installed.get(name, f"sha256:{name}")
    if kind == UNFINISHED:
        return _field(f"{path.removesuffix('.json')}.json", "url")
    return "the digest of a URL's content"


def _field(path: str, name: str) -> str:
    """Return a field of the JSON in a file's first line: where its content came from."""
    try:
        with open(path, "rb") as file:
            return str(json.loads(file.readline())[name])
    except (OSError, ValueError, KeyError, TypeError):
        return os.path.basename(path)
