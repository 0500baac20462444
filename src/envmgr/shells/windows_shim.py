"""Shims for Windows: a batch file and a program for each command.

Editors and `spawn` of Node.js start programs only; shells prefer them. The program is the same for all commands: its
name is the command, and the file TARGET beside it names the envmgr that it starts. An envmgr that was built without a
compiler has batch files only.
"""

from __future__ import annotations

import ntpath
import os
import sys
from functools import partial

from envmgr.kit import data_files
from envmgr.kit.fs import read_bytes
from envmgr.shells import quoting, shim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from envmgr.shells.shim import ShimContext

TARGET = "target.shim"
_TITLE = "envmgr shim (`envmgr reshim` rewrites it)"


def read_program(arch: str) -> bytes | None:
    """Return the program for an architecture, or None if this envmgr has none."""
    return read_bytes(os.path.join(data_files.directory("shims"), f"windows-{arch}.exe"))


def files(context: ShimContext, commands: Iterable[str], program: bytes | None) -> dict[str, bytes]:
    """Return the content of each file by its name."""
    text = shim.read_template("windows.bat")
    quote = partial(_quote, context.shims)
    content: dict[str, bytes] = {}
    for command in commands:
        content[f"{command}.bat"] = _encode_batch(shim.fill(text, context, quote, COMMAND=command))
        if program:
            content[f"{command}.exe"] = program
            content[TARGET] = _target(context)
    return content


def _target(context: ShimContext) -> bytes:
    lines = (_TITLE, context.home, context.python, context.site, shim.START)
    return "".join(f"{line}\n" for line in lines).encode(errors="surrogatepass")


def _quote(directory: str, text: str) -> str:
    """Quote text for a batch file."""
    relative = "" if text.isascii() else _relative_path(text, directory)
    return f"%~dp0{quoting.batch(relative)}" if relative else quoting.batch(text)


def _relative_path(path: str, directory: str) -> str:
    """Return a path relative to the directory of the shims, empty unless that is ASCII.

    The characters that cmd.exe reads correctly depend on the code page of the console.
    """
    is_on_same_drive = ntpath.splitdrive(path)[0].lower() == ntpath.splitdrive(directory)[0].lower()
    relative = ntpath.relpath(path, directory) if ntpath.isabs(path) and is_on_same_drive else ""
    return relative if relative.isascii() else ""


def _encode_batch(text: str) -> bytes:
    """Encode a batch file in the code page of consoles, with `?` for what it lacks."""
    encoding = "oem" if sys.platform == "win32" else "utf-8"
    return text.replace("\n", "\r\n").encode(encoding, "replace")
