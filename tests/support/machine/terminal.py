"""Runs a command at a terminal and renders the screen."""

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
    """Run a command; return its exit code and the final screen, without colours."""
    controller, terminal = os.openpty()
    variables = {**env, "TERM": "xterm-256color", "COLUMNS": str(width), "LINES": "50"}
    with subprocess.Popen(
        words, cwd=cwd, env=variables, stdin=terminal, stdout=terminal, stderr=terminal
    ) as process:
        os.close(terminal)
        output = b"".join(iter(lambda: _read(controller), b""))
        os.close(controller)
    return process.returncode, screen(output.decode(errors="replace"))


def typed(words: Sequence[str], keys: Sequence[str], *, cwd: Path, env: Mapping[str, str]) -> tuple[int, str]:
    """Run a command, send keys at each prompt (a colon and a blank); return its exit code and output."""
    controller, terminal = os.openpty()
    output, waiting = b"", list(keys)
    with subprocess.Popen(
        words, cwd=cwd, env=env, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True
    ) as process:
        os.close(terminal)
        while block := _read(controller):
            output += block
            if waiting and output.endswith(b": "):
                os.write(controller, waiting.pop(0).encode())
        os.close(controller)
    return process.returncode, output.decode(errors="replace")


def screen(output: str) -> str:
    """Return the lines of the final screen, without overwritten or erased text."""
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
    except OSError:  # every process has closed the other end
        return b""
