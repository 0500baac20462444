"""File list of a tree as text: a line an entry, `mode TAB size TAB path`, and `TAB target` for a link.

Modes are git's (`100755` a program, `040755` a directory, `120000` a link). `integrity` compares and summarizes it.
"""

from __future__ import annotations

import os
import stat

from envmgr.install.receipt import FILES, RECEIPT
from envmgr.kit.frozen import frozen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = frozenset({RECEIPT, FILES})
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@frozen
class Line:
    """An entry of a tree; `target` is a link's, else empty."""

    mode: str
    size: int
    path: str
    target: str = ""

    def __str__(self) -> str:
        """Return the line in FILES."""
        text = f"{self.mode}\t{self.size}\t{_escape(self.path)}"
        return f"{text}\t{_escape(self.target)}" if self.target else text


def of_tree(root: str) -> Iterator[Line]:
    """Yield the entries of a tree in a fixed order, without envmgr's own files."""
    for path, entry in _walk(root, ""):
        if path not in OURS:
            yield _line(path, entry)


def _walk(directory: str, prefix: str) -> Iterator[tuple[str, os.DirEntry[str]]]:
    with os.scandir(directory) as scan:
        entries = sorted(scan, key=lambda entry: entry.name)
    for entry in entries:
        yield prefix + entry.name, entry
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path, f"{prefix}{entry.name}/")


def _line(path: str, entry: os.DirEntry[str]) -> Line:
    status = entry.stat(follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        target = os.readlink(entry.path)
        return Line("120000", len(os.fsencode(target)), path, target)
    size = status.st_size if stat.S_ISREG(status.st_mode) else 0
    return Line(f"{status.st_mode:06o}", size, path)


def parse(text: str) -> dict[str, Line]:
    """Parse the content of FILES: lines by path."""
    return {line.path: line for line in map(_parse, text.split("\n")) if line}


def _parse(text: str) -> Line | None:
    mode, size, path, target = (*text.split("\t"), "", "", "", "")[:4]
    return Line(mode, int(size), _unescape(path), _unescape(target)) if path and size.isdigit() else None


def differences(recorded: dict[str, Line], root: str) -> tuple[str, ...]:
    """Return missing or changed entries; additions are normal (`pip install`)."""
    present = {line.path: line for line in of_tree(root)}
    messages = (_difference(line, present.get(path)) for path, line in recorded.items())
    return tuple(message for message in messages if message)


def _difference(line: Line, now: Line | None) -> str | None:
    if now is None:
        return f"{line.path} is missing"
    if line.mode != now.mode:
        return f"{line.path}: mode is {now.mode}, expected {line.mode}"
    if line.target != now.target:
        return f"{line.path}: links to {now.target}, expected {line.target}"
    return f"{line.path}: size is {now.size}, expected {line.size}" if line.size != now.size else None


def _escape(text: str) -> str:
    return text.translate(_ESCAPES) if not text.isprintable() or "\\" in text else text


def _unescape(text: str) -> str:
    head, *parts = text.split("\\\\")
    plain = [part.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r") for part in (head, *parts)]
    return "\\".join(plain)
