"""Programs of an extracted tree: lookup, permissions and command links."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from envmgr.catalog.layout import LINKS
from envmgr.install.archive.extract import top_of
from envmgr.install.archive.safety import normalize_path
from envmgr.kit.errors import BadArchive

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.catalog.layout import Layout

_WINDOWS_ENDINGS = (".exe", ".cmd", ".bat", ".com")
_INTERPRETERS = {".js": "node", ".cjs": "node", ".mjs": "node"}
_MAX_FIRST_LINE_BYTES = 256


def prepare_executables(root: str, layout: Layout, system: str) -> tuple[str, ...]:
    """Set the execute bits of a tree's programs; return their directories, relative, in PATH order.

    Raises BadArchive for a missing program, with the expected and the existing names.
    """
    directories = [link_command(root, name, entries, system) for name, entries in layout.links.items()]
    directories += [_directory_of(root, entry, system) for entry in layout.bin]
    if not directories:
        directories = ["bin" if os.path.isdir(os.path.join(root, "bin")) else ""]
    return tuple(dict.fromkeys(directories))


def _directory_of(root: str, entry: str, system: str) -> str:
    """Return the PATH directory of a `bin` entry."""
    relative = normalize_path(entry, system)
    full = os.path.join(root, relative)
    if entry.endswith("/"):
        os.makedirs(full, exist_ok=True)
    if os.path.isdir(full):
        return relative
    program = _program(root, (entry,), system)
    make_executable(os.path.join(root, program))
    return os.path.dirname(program)


def _program(root: str, entries: Sequence[str], system: str) -> str:
    endings = ("", *_WINDOWS_ENDINGS) if system == "windows" else ("",)
    candidates = [normalize_path(entry, system) + ending for entry in entries for ending in endings]
    for candidate in candidates:
        if os.path.isfile(os.path.join(root, candidate)):
            return candidate
    expected = " or ".join(repr(entry) for entry in entries)
    raise BadArchive(
        f"program {expected} not found in the archive ({top_of(root)})",
        "check the manifest: it may not match this version",
    )


def make_executable(path: str) -> None:
    """Set a file's execute bit for everyone who can read it."""
    mode = stat.S_IMODE(os.stat(path).st_mode)
    os.chmod(path, mode | 0o100 | (mode & 0o444) >> 2)


def link_command(root: str, name: str, entries: Sequence[str], system: str) -> str:
    """Create a command link to the first existing program; return its directory, relative."""
    program = _program(root, entries, system)
    make_executable(os.path.join(root, program))
    command = os.path.join(root, LINKS, normalize_path(name, system).replace("/", "-"))
    os.makedirs(os.path.dirname(command), exist_ok=True)
    try:
        if system == "windows":
            _write_batch(f"{command}.cmd", root, program)
        else:
            os.symlink(f"../{program}", command)
    except FileExistsError as error:
        raise BadArchive(f"{LINKS}/{name} already exists in the archive") from error
    return LINKS


def _write_batch(path: str, root: str, program: str) -> None:
    start = windows_command_line(program, _first_line(os.path.join(root, program)))
    with open(path, "x", encoding="utf-8", newline="\r\n") as file:
        file.write(f"@{start} %*\n")


def windows_command_line(program: str, first_line: str) -> str:
    """Return the command line that starts a program from LINKS on Windows, with its interpreter."""
    windows_path = program.replace("/", "\\").replace("%", "%%")
    quoted = f'"%~dp0..\\{windows_path}"'
    interpreter = interpreter_of(program, first_line)
    return f"{interpreter} {quoted}" if interpreter else quoted


def interpreter_of(program: str, first_line: str) -> str:
    """Return the interpreter of a script, by its first line or extension; empty for other files."""
    args = first_line.removeprefix("#!").split() if first_line.startswith("#!") else []
    names = [arg for arg in args if not arg.startswith("-") and "=" not in arg]
    if names and os.path.basename(names[0]) == "env":
        names = names[1:]
    if names:
        return os.path.basename(names[0])
    return _INTERPRETERS.get(os.path.splitext(program)[1], "")


def _first_line(path: str) -> str:
    with open(path, "rb") as file:
        return file.readline(_MAX_FIRST_LINE_BYTES).decode("utf-8", "replace").strip()
