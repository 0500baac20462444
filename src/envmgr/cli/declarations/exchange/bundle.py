"""Declaration of `envmgr bundle`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()

BundleFile = Annotated[
    str, typer.Argument(metavar="FILE", help="The bundle.", autocompletion=completers.complete_file)
]


@app.command("create", epilog="Example: envmgr bundle create tools.tar --platform linux-x64")
def create(
    ctx: typer.Context,
    file: BundleFile,
    platform: Annotated[
        list[str] | None,
        typer.Option(
            "--platform", metavar="PLATFORM", help="For this platform (repeatable; default: this machine's)."
        ),
    ] = None,
) -> int:
    """Write the locked tools of the project to one file.

    It holds .envmgr, its lock, manifests, and the archives of each platform.
    Archives are downloaded and verified as by install. The same lock gives the same bytes.
    """
    from envmgr.cli.commands.exchange import bundle as command

    return command.run_create(options_of(ctx), file, platform or [])


@app.command("load", epilog="Example: envmgr bundle load tools.tar")
def load(
    ctx: typer.Context,
    file: BundleFile,
    force: Annotated[bool, typer.Option("--force", help="Overwrite other files of the project.")] = False,
) -> int:
    """Install from a bundle, without a network.

    Every archive is verified against the bundle's lock before anything changes. Writes .envmgr and .envmgr.lock to this
    directory, and manifests that are missing here to .envmgr.plugins.
    """
    from envmgr.cli.commands.exchange import bundle as command

    return command.run_load(options_of(ctx), file, force=force)
