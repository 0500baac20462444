"""Safety rules for archives: no entry can touch anything outside the extracted tree, without I/O.

Names. Two entries whose names differ only in case or in the Unicode composition of a letter are one file on macOS and
Windows, so one could be written through the other. They are compared by canonical caseless matching
(https://www.unicode.org/versions/latest/core-spec/chapter-3/#G34145): case folded, composed by NFC. NFKC would go
further (`①` as `1`), but no file system treats such names as equal. On Linux two collections that need both spellings
are allowed: terminfo (`E/Eterm`, `e/eterm`) and the kernel's netfilter headers.

Links. A link is judged by its final target when all links of the tree are followed; until all are known none is
created, so nothing can be written through one.
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, TypeVar

from envmgr.install.archive.entry import DIRECTORY, FILE, HARDLINK, SYMLINK
from envmgr.install.receipt import FILES, RECEIPT
from envmgr.kit.errors import UnsafeArchive

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_Piece = TypeVar("_Piece", bytes, memoryview, bytes | memoryview)

MAX_PATH_LENGTH = 2048
MAX_NAME_BYTES = 255
MAX_PATH_DEPTH = 100
MAX_ENTRIES = 200_000
MAX_BYTES = 32 << 30
MAX_RATIO = 200  # real archives stay below 30; deflate's own limit is 1032
FREE_BYTES = 100 << 20  # the limit for an archive of any size
MAX_LINKS = 40  # followed one after another, as Linux does

_NOT_NAMES = frozenset({"", "."})
_SHORT = MAX_NAME_BYTES // 4
"""Characters of paths that exceed no limit, as each is encoded as at most four bytes."""

_CASE_SENSITIVE_DIRECTORIES = (
    "share/terminfo/",
    "lib/terminfo/",
    "linux/netfilter/",
    "linux/netfilter_ipv4/",
    "linux/netfilter_ipv6/",
)
_LITTER = frozenset(
    {
        "__macosx",
        ".ds_store",
        ".localized",
        ".appledouble",
        ".apdisk",
        ".fseventsd",
        ".spotlight-v100",
        ".trashes",
    }
    | {".temporaryitems", ".documentrevisions-v100", "icon\r", "thumbs.db", "ehthumbs.db", "desktop.ini"}
    | {"$recycle.bin", "system volume information", "lost+found", "pax_global_header", "@longlink"}
)
_PAX_HEADERS = frozenset({"paxheader", "paxheaders"})
_UNIX_KINDS = frozenset({FILE, DIRECTORY, SYMLINK, HARDLINK})
_SETID = 0o6000
_WINDOWS_CHARACTERS = frozenset('<>:"|?*') | {chr(code) for code in range(32)}
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789¹²³"}
)


def split_path(path: str, system: str) -> tuple[str, ...]:
    """Split an entry's path; raise UnsafeArchive if it is invalid or leaves the tree."""
    if path.startswith("/") or path[1:2] == ":":
        raise UnsafeArchive(f"{path!r} is an absolute path")
    if "\\" in path:
        raise UnsafeArchive(f"backslash in {path!r}")
    if "\0" in path:
        raise UnsafeArchive(f"NUL character in {path!r}")
    parts = tuple([part for part in path.split("/") if part not in _NOT_NAMES])
    if ".." in parts:
        raise UnsafeArchive(f"path traversal in {path!r}")
    if len(path) > _SHORT:
        _check_lengths(path, parts)
    if system == "windows":
        _check_windows(path, parts)
    return parts


def normalize_path(path: str, system: str) -> str:
    """Return a manifest's path in normal form; raise UnsafeArchive if it leaves the tree."""
    return "/".join(split_path(path, system))


def _check_lengths(path: str, parts: tuple[str, ...]) -> None:
    if len(path) > MAX_PATH_LENGTH or len(parts) > MAX_PATH_DEPTH:
        raise UnsafeArchive(
            f"path too long or too deep ({len(path)} characters, {len(parts)} levels): {path[:80]!r}…"
        )
    for part in parts:
        if len(part.encode("utf-8", "surrogateescape")) > MAX_NAME_BYTES:
            raise UnsafeArchive(f"name too long ({len(part)} characters): {part[:80]!r}…")


def _check_windows(path: str, parts: tuple[str, ...]) -> None:
    for part in parts:
        stem = part.partition(".")[0].rstrip(" ").casefold()
        if stem in _WINDOWS_DEVICES or part[-1] in ". " or not _WINDOWS_CHARACTERS.isdisjoint(part):
            raise UnsafeArchive(f"reserved name on Windows: {path!r}")


def check_kind(path: str, kind: str, mode: int) -> None:
    """Raise UnsafeArchive for special files and for set-uid programs."""
    if kind not in _UNIX_KINDS:
        raise UnsafeArchive(f"{path!r} is a {kind}")
    if kind == FILE and mode & _SETID:
        raise UnsafeArchive(f"{path!r} has the {'setuid' if mode & 0o4000 else 'setgid'} bit")


def file_mode(mode: int) -> int:
    """Return the mode with its read and execute bits, and write for the owner only."""
    return mode & 0o755 | 0o400


def directory_mode(mode: int) -> int:
    """Return the mode with its read and search bits, and full access for the owner."""
    return mode & 0o755 | 0o700


def fold_case(path: str) -> str:
    """Return a key that is equal for paths that some file system treats as the same."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


class EntryNames:
    """Names used in an archive, each for one kind; stored by directory to save memory."""

    def __init__(self, system: str) -> None:
        self._system = system
        self._spellings: dict[str, dict[str, str]] = {}
        self._case_sensitive: set[str] = set()
        self._kinds: dict[str, str] = {}  # without regular files, which are the majority
        self._count = 0

    def kind(self, path: str) -> str | None:
        """Return the kind of a path, or None if it is unused."""
        directory, _, name = path.rpartition("/")
        existing = self._spellings.get(directory, {}).get(self._key(directory, name))
        return self._kinds.get(path, FILE) if existing == name else None

    def top(self) -> set[str]:
        """Return the names at the top of the tree."""
        return set(self._spellings.get("", {}).values())

    def remove_top(self, name: str) -> None:
        """Remove a name from the top of the tree."""
        spellings = self._spellings[""]
        del spellings[self._key("", name)]

    def add(self, path: str, kind: str) -> bool:
        """Record a path and return whether it is new; raise UnsafeArchive if it exists with another kind."""
        directory, _, name = path.rpartition("/")
        spellings = self._spellings.get(directory)
        if spellings is None:
            spellings = self._add_directory(directory)
        key = self._key(directory, name)
        if key in spellings:
            self._check_same(path, path.removesuffix(name) + spellings[key], kind)
            return False
        if self._count == MAX_ENTRIES:
            raise UnsafeArchive(f"archive has more than {MAX_ENTRIES:,} entries")
        self._count += 1
        spellings[key] = name
        if kind != FILE:
            self._kinds[path] = kind
        return True

    def _check_same(self, path: str, spelling: str, kind: str) -> None:
        if spelling != path:
            raise UnsafeArchive(f"{path!r} and {spelling!r} are the same file on macOS and Windows")
        existing = self._kinds.get(path, FILE)
        if existing != kind or kind == SYMLINK:
            raise UnsafeArchive(f"duplicate entry {path!r} ({existing} and {kind})")

    def _add_directory(self, directory: str) -> dict[str, str]:
        """Record that a directory has names; return them."""
        if self._system == "linux" and any(pair in f"{directory}/" for pair in _CASE_SENSITIVE_DIRECTORIES):
            self._case_sensitive.add(directory)
        spellings = self._spellings[directory] = {}
        return spellings

    def _key(self, directory: str, name: str) -> str:
        if directory in self._case_sensitive:
            return name
        key = fold_case(name)
        return name if key == name else key

    def add_parents(self, parts: tuple[str, ...]) -> list[str]:
        """Record the parents of a path; return the new ones, outermost first."""
        parent = "/".join(parts[:-1])
        if not parent or self._kinds.get(parent) == DIRECTORY:
            return []
        above = ["/".join(parts[:depth]) for depth in range(1, len(parts))]
        for path in above:
            if self.kind(path) not in {None, DIRECTORY}:
                raise UnsafeArchive(f"{'/'.join(parts)!r}: parent {path!r} is a {self.kind(path)}")
        return [path for path in above if self.add(path, DIRECTORY)]


def is_litter(name: str) -> bool:
    """Return whether a name at the top is metadata of a system or a packer, and not part of a tool."""
    lowered = name.lower()
    is_pax = lowered.partition(".")[0] in _PAX_HEADERS  # `PaxHeaders.4711`
    return is_pax or lowered.startswith("._") or lowered in _LITTER


def check_reserved(path: str) -> None:
    """Raise UnsafeArchive for names that envmgr reserves at the top of a tree."""
    if fold_case(path) in {RECEIPT, FILES}:
        raise UnsafeArchive(f"{path!r} is reserved by envmgr")


def check_links(links: Mapping[str, str]) -> None:
    """Raise UnsafeArchive for symbolic links (path to target) that leave the tree when followed."""
    for path, target in links.items():
        if not target or "\\" in target or "\0" in target:
            raise UnsafeArchive(f"{path!r}: invalid link target {target!r}")
        _follow(path, links)


def _follow(path: str, links: Mapping[str, str]) -> None:
    """Resolve a link as the system would; raise UnsafeArchive if it leaves the tree."""
    pending = path.split("/")[::-1]
    resolved: list[str] = []
    followed = 0
    while pending:
        part = pending.pop()
        if part == "..":
            if not resolved:
                raise UnsafeArchive(f"{path!r}: link to {links[path]!r} escapes the tree")
            resolved.pop()
        elif part not in {"", "."}:
            resolved.append(part)
        target = links.get("/".join(resolved)) if part not in {"", ".", ".."} else None
        if target is not None:
            followed += 1
            if target[:1] == "/" or target[1:2] == ":":
                raise UnsafeArchive(f"{path!r}: link to {links[path]!r} escapes the tree")
            if followed > MAX_LINKS:
                raise UnsafeArchive(f"{path!r}: link loop through {links[path]!r}")
            resolved.pop()
            pending += target.split("/")[::-1]


class ExpansionGuard:
    """Limit on the expansion of an archive, by the size that is known of it."""

    def __init__(self, archive_size: int) -> None:
        self.count = 0
        self.update_limit(archive_size)

    def update_limit(self, size: int) -> None:
        """Set the limit for an archive of which so many bytes are known."""
        self._limit = min(MAX_BYTES, max(FREE_BYTES, size * MAX_RATIO))
        self._size = size

    def add(self, count: int) -> None:
        """Count bytes; raise UnsafeArchive beyond the limit for this archive's size."""
        self.count += count
        if self.count > self._limit:
            raise UnsafeArchive(
                f"{self._size:,} bytes expand to more than {self._limit:,} (possible zip bomb)"
            )

    def watch(self, pieces: Iterable[_Piece]) -> Iterator[_Piece]:
        """Yield the pieces, counting their bytes."""
        for piece in pieces:
            self.add(len(piece))
            yield piece
