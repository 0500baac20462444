"""Declarations of `envmgr activate`, `deactivate` and `setup`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()
Shell = Annotated[
    str,
    typer.Argument(
        metavar="SHELL",
        help="bash, zsh, fish, elvish, nu, pwsh or xonsh.",
        autocompletion=completers.complete_shell,
    ),
]


@app.command(epilog="Example: envmgr activate bash")
def activate(ctx: typer.Context, shell: Shell) -> int:
    """Print code that makes a shell follow the directory.

    Add `eval "$(envmgr activate bash)"` to the shell's start file: PATH and the variables of tools then change with the
    directory.
    """
    from envmgr.cli.commands import activation

    return activation.run(options_of(ctx), shell)


@app.command(epilog="Example: envmgr deactivate")
def deactivate() -> int:
    """Restore the environment of an activated shell."""
    from envmgr.cli.commands import activation

    return activation.refuse_deactivation()


@app.command(epilog="Example: envmgr setup zsh")
def setup(
    ctx: typer.Context,
    shell: Shell,
    remove: Annotated[bool, typer.Option("--remove", help="Remove the line.")] = False,
) -> int:
    """Add the line that activates a shell to its start file.

    The line is shown first, and written after a confirmation.
    """
    from envmgr.cli.commands import activation

    return activation.run_setup(options_of(ctx), shell, remove=remove)
