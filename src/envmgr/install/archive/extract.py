"""Extraction of entries to a new directory, by the rules of `safety`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.install.archive import safety
from envmgr.install.archive.entry import DIRECTORY, FILE, HARDLINK, SYMLINK
from envmgr.kit.errors import BadArchive, UnsafeArchive
from envmgr.kit.fs import remove_tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envmgr.install.archive.entry import Entry

_CREATE = (
    os.O_WRONLY
    | os.O_CREAT
    | os.O_EXCL
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_DIRECTORY_MODE = 0o755
_LATEST = 1 << 62  # nanoseconds: the year 2116
_SETS_TIME_BY_DESCRIPTOR = os.utime in os.supports_fd


def unpack(
    entries: Iterable[Entry], directory: str, system: str, strip: int | None, manifest_paths: Iterable[str]
) -> Tree:
    """Extract entries to a new directory.

    `strip` leading directories are dropped; with None, a single top directory is, unless one of the `named` paths
    begins with it. Raises UnsafeArchive naming the offending entry. Links are created by `Tree.finish`.
    """
    os.mkdir(directory, _DIRECTORY_MODE)
    tree = Tree(directory, system, strip or 0)
    for entry in entries:
        tree.add(entry)
    if strip is None:
        tree.drop_litter(manifest_paths)
        tree.drop_top(manifest_paths)
    return tree


class Tree:
    """An unfinished tree; `root` is its path."""

    def __init__(self, root: str, system: str, strip: int) -> None:
        self.root = root
        self._system = system
        self._strip = strip
        self._names = safety.EntryNames(system)
        self._links: dict[str, str] = {}
        self._times: dict[str, int] = {}  # of directories: each file made in one changes its time

    def add(self, entry: Entry) -> None:
        """Create a file or directory, or record a link."""
        safety.check_kind(entry.path, entry.kind, entry.mode)
        full = safety.split_path(entry.path, self._system)
        parts = full[self._strip :] if self._strip else full
        if not parts or (self._strip and safety.is_litter(full[0])):
            return
        for parent in self._names.add_parents(parts):
            os.mkdir(self._at(parent), _DIRECTORY_MODE)
        _MAKERS[entry.kind](self, "/".join(parts), entry)

    def _at(self, path: str) -> str:
        return f"{self.root}/{path}"

    def _add_file(self, path: str, entry: Entry) -> None:
        if not self._names.add(path, FILE):
            os.unlink(
                self._at(path)
            )  # in a tar archive the later entry counts; others linked to it keep theirs
        try:
            _write_file(self._at(path), entry)
        except FileExistsError as error:
            raise UnsafeArchive(f"{path!r} collides with another entry on this file system") from error

    def _add_directory(self, path: str, entry: Entry) -> None:
        mode = safety.directory_mode(entry.mode)
        if self._names.add(path, DIRECTORY):
            os.mkdir(self._at(path), mode)
        elif mode != _DIRECTORY_MODE:
            os.chmod(self._at(path), mode & os.stat(self._at(path)).st_mode)
        if entry.mtime is not None:
            self._times[path] = entry.mtime

    def _add_symlink(self, path: str, entry: Entry) -> None:
        self._add_link(path, entry.target)

    def _add_link(self, path: str, target: str) -> None:
        """Record a link; the same link may be there twice."""
        if self._links.get(path) != target:
            self._names.add(path, SYMLINK)
            self._links[path] = target

    def _add_hardlink(self, path: str, entry: Entry) -> None:
        target = self._target(entry)
        if target == path:
            return
        if target in self._links:
            self._add_link(path, self._links[target])
        else:
            if not self._names.add(path, FILE):
                os.unlink(self._at(path))
            _link(self._at(target), self._at(path))

    def _target(self, entry: Entry) -> str:
        """Return the target of a hard link: an earlier entry."""
        try:
            target = "/".join(safety.split_path(entry.target, self._system)[self._strip :])
        except UnsafeArchive as error:
            raise UnsafeArchive(f"hard link {entry.path!r}: {error.message}") from error
        if self._names.kind(target) not in {FILE, SYMLINK}:
            raise UnsafeArchive(
                f"hard link {entry.path!r}: target {entry.target!r} not found earlier in the archive"
            )
        return target

    def drop_litter(self, manifest_paths: Iterable[str]) -> None:
        """Delete files that systems and packers add next to the top directory, unless the tree has no others."""
        top_names = {path.split("/")[0] for path in manifest_paths}
        litter = {name for name in self._names.top() if safety.is_litter(name)} - top_names
        if litter == self._names.top():
            return
        for name in litter:
            self._drop(name)

    def _drop(self, name: str) -> None:
        self._names.remove_top(name)
        path = self._at(name)
        if os.path.isdir(path):
            remove_tree(path)
        elif name not in self._links:
            os.unlink(path)
        self._links = {path: target for path, target in self._links.items() if path.split("/")[0] != name}
        self._times = {path: mtime for path, mtime in self._times.items() if path.split("/")[0] != name}

    def drop_top(self, manifest_paths: Iterable[str]) -> None:
        """Strip the top directory if it is the only one and the manifest does not name it."""
        tops = self._names.top()
        if len(tops) != 1:
            return
        top = tops.pop()
        if self._names.kind(top) == DIRECTORY and all(path.split("/")[0] != top for path in manifest_paths):
            self.root = self._at(top)
            self._links = {path[len(top) + 1 :]: target for path, target in self._links.items()}
            self._times = {path[len(top) + 1 :]: mtime for path, mtime in self._times.items() if path != top}

    def rename(self, renames: Mapping[str, str]) -> None:
        """Rename entries, by paths in the tree."""
        for source, destination in renames.items():
            self._rename(*(safety.normalize_path(path, self._system) for path in (source, destination)))

    def _rename(self, source: str, destination: str) -> None:
        moved = {path for path in self._links if path == source or path.startswith(f"{source}/")}
        if source not in self._links and not os.path.lexists(self._at(source)):
            raise BadArchive(
                f"rename to {destination!r}: {source!r} not found in the archive ({top_of(self.root)})"
            )
        if destination in self._links or os.path.lexists(self._at(destination)):
            raise BadArchive(f"rename of {source!r}: {destination!r} already exists in the archive")
        if source not in self._links:
            os.makedirs(os.path.dirname(self._at(destination)), exist_ok=True)
            os.rename(self._at(source), self._at(destination))
        self._links = {
            destination + path[len(source) :] if path in moved else path: t for path, t in self._links.items()
        }
        self._times = {
            destination + path[len(source) :]
            if path == source or path.startswith(f"{source}/")
            else path: mtime
            for path, mtime in self._times.items()
        }

    def finish(self) -> None:
        """Create the links, which are all verified by now, and set the directories' times."""
        safety.check_links(self._links)
        for name in os.listdir(self.root):
            safety.check_reserved(name)
        for path, target in self._links.items():
            safety.check_reserved(path)
            os.makedirs(os.path.dirname(self._at(path)), exist_ok=True)
            os.symlink(target, self._at(path))
        for path in sorted(self._times, reverse=True):
            _set_time(self._at(path), self._times[path])


_MAKERS: dict[str, Callable[[Tree, str, Entry], None]] = {
    FILE: Tree._add_file,  # noqa: SLF001 - the table is part of the class
    DIRECTORY: Tree._add_directory,  # noqa: SLF001
    SYMLINK: Tree._add_symlink,  # noqa: SLF001
    HARDLINK: Tree._add_hardlink,  # noqa: SLF001
}


def _write_file(path: str, entry: Entry) -> None:
    descriptor = os.open(path, _CREATE, safety.file_mode(entry.mode))
    try:
        for piece in entry.content:
            written = os.write(descriptor, piece)
            while written < len(piece):
                written += os.write(descriptor, piece[written:])
        if _SETS_TIME_BY_DESCRIPTOR and entry.mtime is not None:
            _set_time(descriptor, entry.mtime)
    finally:
        os.close(descriptor)
    if not _SETS_TIME_BY_DESCRIPTOR and entry.mtime is not None:
        _set_time(path, entry.mtime)


def _set_time(file: int | str, mtime: int) -> None:
    if 0 <= mtime < _LATEST:
        os.utime(file, ns=(mtime, mtime))


def _link(target: str, path: str) -> None:
    try:
        os.link(target, path)
    except OSError:  # the file system has no hard links, or allows no more of them to one file
        import shutil

        shutil.copy2(target, path)


def top_of(directory: str, limit: int = 12) -> str:
    """Format the top-level names of a tree."""
    names = sorted(os.listdir(directory))
    sample = ", ".join(repr(name) for name in names[:limit])
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return f"top level: {sample}{more}" if names else "empty"
