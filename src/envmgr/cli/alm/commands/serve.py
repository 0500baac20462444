"""`envmgr alm serve`: run the server in this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import open_context
from envmgr.kit.errors import UsageError
from envmgr.ops.alm.serve import serve

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.ops.alm.serve import ServeOptions


def run(options: Options, serve_options: ServeOptions) -> int:
    """Replace this process with the server."""
    if options.json:
        raise UsageError("--json is not supported by serve", "omit --json")
    return serve(open_context(options), serve_options)
