"""Environments of commands: this machine's programs, without other version managers' shims."""

from __future__ import annotations

import os
from typing import NamedTuple


class Setup(NamedTuple):
    """A version manager with its tools: the program, its environment, and its directory of shims."""

    program: str
    environment: dict[str, str]
    shims: str


def base_environment(home: str, *directories: str) -> dict[str, str]:
    """Return an environment with a home of its own, and directories before this machine's PATH.

    It has the variables of programs that a shell in a terminal starts.
    """
    path = [
        directory
        for directory in os.environ.get("PATH", os.defpath).split(os.pathsep)
        if os.path.basename(directory) != "shims"
    ]
    return {
        "HOME": home,
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join([*directories, *path]),
        "SHELL": "/bin/bash",
        "SHLVL": "1",
        "TERM": "xterm-256color",
        "USER": "user",
    }
