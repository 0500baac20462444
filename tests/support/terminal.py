"""Runs a command at a terminal, as somebody who looks on would see it."""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07]*\x07)")


def at_terminal(
    words: Sequence[str], *, cwd: Path, env: Mapping[str, str], width: int = 100
) -> tuple[int, str]:
    """Run a command to its end; return its exit code, and what it wrote to the terminal without colours."""
    mine, its = os.openpty()
    variables = {**env, "TERM": "xterm-256color", "COLUMNS": str(width), "LINES": "50"}
    with subprocess.Popen(words, cwd=cwd, env=variables, stdin=its, stdout=its, stderr=its) as process:
        os.close(its)
        seen = b"".join(iter(lambda: _read(mine), b""))
        os.close(mine)
    return process.returncode, _ESCAPE.sub("", seen.decode()).replace("\r\n", "\n")


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 1 << 16)
    except OSError:  # nobody holds the other end any more
        return b""
