"""Runs a command at a terminal, as somebody who looks on would see it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_TOKEN = re.compile(r"\x1b\[([0-?]*)[ -/]*([@-~])|\x1b\][^\x07]*\x07|(\r)|(\n)|([^\x1b\r\n]+)")


def at_terminal(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], width: int = 100
) -> tuple[int, str]:
    """Run a command to its end; return its exit code, and what the terminal shows then, without colours."""
    mine, its = os.openpty()
    variables = {**env, "TERM": "xterm-256color", "COLUMNS": str(width), "LINES": "50"}
    with subprocess.Popen(words, cwd=cwd, env=variables, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        seen = b"".join(iter(lambda: _read(mine), b""))
        os.close(mine)
    return process.returncode, screen(seen.decode(errors="replace"))


def screen(output: str) -> str:
    """Return the lines that a terminal shows in the end: what was overwritten or erased is gone."""
    lines, row, column = [""], 0, 0
    for arguments, control, carriage_return, line_feed, text in _TOKEN.findall(output):
        if control == "A":
            row = max(row - int(arguments or 1), 0)
        elif control == "K":
            lines[row] = "" if arguments == "2" else lines[row][:column]
        elif carriage_return:
            column = 0
        elif line_feed:
            row += 1
            lines += [""] * (row - len(lines) + 1)
        elif text:
            lines[row] = lines[row][:column].ljust(column) + text + lines[row][column + len(text) :]
            column += len(text)
    return "\n".join(lines)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # nobody holds the other end any more
        return b""
