"""Layout of wheels.

https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.install.archive.entry import FILE

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from envmgr.install.archive.entry import Entry

_PLACES = {"scripts": "bin", "purelib": "", "platlib": "", "data": "", "headers": "include"}
_SUFFIX = ".data"


def relocate_data_files(entries: Iterator[Entry]) -> Generator[Entry]:
    """Move the content of `<name>-<version>.data` to its install location: scripts to `bin`, executable."""
    for entry in entries:
        top, slash, inside = entry.path.partition("/")
        scheme, _, relative_path = inside.partition("/")
        if slash and top.endswith(_SUFFIX) and scheme in _PLACES:
            entry.path = f"{_PLACES[scheme]}/{relative_path}".removeprefix("/") or "."
            if scheme == "scripts" and entry.kind == FILE:
                entry.mode |= 0o755
        yield entry
