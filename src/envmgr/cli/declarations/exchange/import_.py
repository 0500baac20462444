"""Declaration of `envmgr import`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command("import", epilog="Example: envmgr import .tool-versions")
def import_(
    ctx: typer.Context,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]", help="A file (default: all here).", autocompletion=completers.complete_file
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing .envmgr.")] = False,
) -> int:
    """Write .envmgr from files of other version managers.

    Reads .tool-versions, mise.toml, .nvmrc, .node-version, .python-version, .ruby-version, .java-version,
    .terraform-version, rust-toolchain.toml, go.mod and package.json, and prints what cannot be imported.
    """
    from envmgr.cli.commands.exchange import import_ as command

    return command.run(options_of(ctx), file, force=force)
