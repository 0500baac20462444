"""Declaration of `envmgr env`."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.cli.completion import completers
from envmgr.cli.options import options_of

app = typer.Typer()


@app.command(epilog='Example: eval "$(envmgr env)"')
def env(
    ctx: typer.Context,
    shell: Annotated[
        str | None,
        typer.Option(
            "--shell",
            metavar="SHELL",
            show_default=False,
            help="Syntax: sh, bash, zsh, fish, elvish, nu, pwsh, xonsh (sh).",
            autocompletion=completers.complete_syntax,
        ),
    ] = None,
    dotenv: Annotated[bool, typer.Option("--dotenv", help="Print a dotenv file.")] = False,
    github: Annotated[
        str | None,
        typer.Option(
            "--github",
            metavar="FILE",
            show_default=False,
            help="Print lines of a file of GitHub Actions: env or path.",
            autocompletion=completers.complete_github_file,
        ),
    ] = None,
) -> int:
    """Print PATH and the variables of the project's tools.

    What activation sets here, once: `eval "$(envmgr env)"`.
    """
    from envmgr.cli.commands import env as command

    return command.run(options_of(ctx), shell, dotenv=dotenv, github=github)
