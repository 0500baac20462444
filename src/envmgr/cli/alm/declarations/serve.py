"""Declaration of `envmgr alm serve`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.declarations.number_checks import between
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr alm serve --port 8080")
def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option("--host", metavar="HOST", help="Address to listen on.")] = None,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", metavar="PORT", callback=between(0, 65535), help="Port to listen on (0: any free)."
        ),
    ] = None,
    data_dir: Annotated[str | None, typer.Option("--data-dir", metavar="DIR", help="Data directory.")] = None,
    log_level: Annotated[
        str | None,
        typer.Option("--log-level", metavar="LEVEL", help="Log level: debug, info, warning or error."),
    ] = None,
    require_if_match: Annotated[
        bool, typer.Option("--require-if-match", help="Require If-Match on changes.")
    ] = False,
) -> int:
    """Run the server: one process, SQLite storage."""
    from envmgr.cli.alm.commands import serve as command
    from envmgr.ops.alm.serve import ServeOptions

    return command.run(options_of(ctx), ServeOptions(host, port, data_dir, log_level, require_if_match))
