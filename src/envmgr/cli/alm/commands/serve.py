"""`envmgr alm serve`: this process becomes the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context
from envmgr.kit.errors import UsageError
from envmgr.ops.alm.serve import serve

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.alm.serve import ServeOptions


def run(options: Options, wish: ServeOptions) -> int:
    """Run the server in this process's place."""
    if options.json:
        raise UsageError("serve prints a log, not one document", "leave --json out")
    return serve(open_context(options), wish)
