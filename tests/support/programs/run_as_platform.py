"""Runs `lock` or `install` for another platform.

Run as `python run_as_platform.py PLATFORM lock|install [TOOL…]`.
"""

from __future__ import annotations

import contextlib
import sys

from envmgr.kit import environment, paths, platform
from envmgr.ops import install, lock
from envmgr.resolve import tool_specs
from envmgr.resolve.context import Context


def main(key: str, command: str, *words: str) -> None:
    directory = environment.current()
    context = Context(directory, paths.resolve_paths(directory), platform.parse(key))
    with contextlib.closing(context):
        if command == "lock":
            lock.lock(context)
        elif words:
            install.install_tools(context, [tool_specs.parse(word) for word in words])
        else:
            install.install_project(context)


if __name__ == "__main__":
    main(*sys.argv[1:])
