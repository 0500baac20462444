"""`envmgr link`: use an installation that was made elsewhere."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.cli.console import open_context, print_outcome
from envmgr.ops.maintenance.link import link

if TYPE_CHECKING:
    from envmgr.cli.options import Options


def run(options: Options, tool: str, version: str, directory: str) -> int:
    """Link a directory as an installed version."""
    context = open_context(options)
    path = os.path.normpath(os.path.join(context.environment.cwd, context.environment.expand(directory)))
    installed = link(context, tool, version, path)
    return print_outcome(
        options,
        "link",
        lambda: {
            "tool": installed.tool,
            "version": installed.version,
            "path": installed.path,
            "commands": list(installed.commands()),
        },
        lambda style, _: [
            f"linked {style.paint('bold', installed.tool)} {installed.version} to {installed.path}"
        ],
    )
