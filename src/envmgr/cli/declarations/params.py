"""Arguments and options that several commands declare."""

from __future__ import annotations

from typing import Annotated

import typer

from envmgr.catalog.sources.kinds import examples
from envmgr.cli.completion import completers

Tool = Annotated[
    str,
    typer.Argument(
        metavar="TOOL", help=f"A tool: nodejs, {examples()}.", autocompletion=completers.complete_tool
    ),
]
OptionalTool = Annotated[
    str | None,
    typer.Argument(metavar="TOOL", help="Show only this tool.", autocompletion=completers.complete_tool),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be done.")]
RequestedTools = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TOOL...]",
        help="Tools of the project (default: all).",
        autocompletion=completers.complete_project_tool,
    ),
]
