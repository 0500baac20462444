"""Stored properties of this machine's pip.

They are in use until pip, Python or a variable that they depend on changes. Importing pip takes five times as long as
starting Python. The properties are paths and a URL, without secrets.
"""

from __future__ import annotations

import json
import os
import sys

from envmgr.kit.frozen import frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envmgr.kit.environment import Environment

VARIABLES = (
    "HOME",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "PROGRAMDATA",
    "XDG_CONFIG_HOME",
    "XDG_CONFIG_DIRS",
)
"""The variables that pip's paths depend on."""


@frozen
class PipInfo:
    """Configuration files, lowest precedence first (they need not exist), and the default index's URL.

    `program` is the file of pip whose change may change them, empty if anything may.
    """

    files: tuple[tuple[str, str], ...]
    default_index: str
    program: str = ""


def load(
    environment: Environment, path: str, query: Callable[[Mapping[str, str]], PipInfo] | None = None
) -> PipInfo:
    """Return pip's properties from a file, else from a query of pip, which are then stored there."""
    program = _find_program()
    key = [program, *_stamp(program), sys.prefix, os.path.expanduser("~"), *map(environment.get, VARIABLES)]
    stored = _read(path, key) if program else None
    if stored is not None:
        return stored
    info = (query or _query_pip)(environment.variables)
    if not program:
        return info
    _write(path, key, info)
    return replace(info, program=program)


def _query_pip(variables: Mapping[str, str]) -> PipInfo:
    from envmgr.catalog.sources.pip_query import query_pip

    return query_pip(variables)


def _find_program() -> str:
    """Return the file of pip, empty if it is not found.

    On macOS its paths depend on directories that exist, so nothing is stored there.
    """
    from importlib.machinery import PathFinder

    spec = None if sys.platform == "darwin" else PathFinder.find_spec("pip")
    return (spec.origin or "") if spec else ""


def _stamp(path: str) -> list[int]:
    try:
        status = os.stat(path)
    except OSError:
        return []
    return [status.st_mtime_ns, status.st_size, status.st_ino]


def _read(path: str, key: list[object]) -> PipInfo | None:
    from envmgr.kit.errors import StorageError
    from envmgr.kit.fs import read_text

    try:
        document = json.loads(read_text(path) or "{}")
        if document.get("key") != key:
            return None
        files = tuple((str(kind), str(file)) for kind, file in document["files"])
        return PipInfo(files, str(document["default_index"]), str(key[0]))
    except (StorageError, ValueError, KeyError, TypeError, AttributeError):  # it is only a cache
        return None


def _write(path: str, key: list[object], info: PipInfo) -> None:
    import contextlib

    from envmgr.kit.errors import StorageError
    from envmgr.kit.fs import write_atomic

    document = {"key": key, "files": info.files, "default_index": info.default_index}
    with contextlib.suppress(StorageError, UnicodeEncodeError):
        write_atomic(path, json.dumps(document))
