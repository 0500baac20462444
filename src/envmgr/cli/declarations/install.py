"""Declaration of `envmgr install`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.declarations.number_checks import check_minimum
from envmgr.cli.declarations.params import DryRun
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog="Example: envmgr install nodejs@^20 python@3.12")
def install(
    ctx: typer.Context,
    tools: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TOOL[@SPEC]... | TOOL SPEC [URL]]",
            help="Tools to install (default: the project's).",
            autocompletion=completers.complete_available,
        ),
    ] = None,
    locked: Annotated[bool, typer.Option("--locked", help="Require an up-to-date .envmgr.lock.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Reinstall.")] = False,
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            "-j",
            metavar="N",
            show_default=False,
            callback=check_minimum(0),
            help="Parallel installs (0: automatic).",
        ),
    ] = 0,
    dry_run: DryRun = False,
) -> int:
    """Install the project's tools, or the named ones.

    Also updates the lock and shims.
    """
    from envmgr.cli.commands import install as command
    from envmgr.resolve.install_plan import Options as InstallOptions

    run = command.dry_run if dry_run else command.run
    return run(options_of(ctx), tools or [], InstallOptions(locked=locked, force=force, jobs=jobs))
