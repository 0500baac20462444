"""Help texts: whole summaries of commands, and usage lines with the names of arguments only."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from typer.core import TyperArgument, TyperCommand

if TYPE_CHECKING:
    import typer
    from typer._click import Context


class HelpCommand(TyperCommand):
    """A command whose usage line has optional arguments in brackets, and the others bare."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        """Return the parts of the usage line."""
        arguments = [_usage(item) for item in self.get_params(ctx) if isinstance(item, TyperArgument)]
        return ["[OPTIONS]", *arguments]


def _usage(argument: TyperArgument) -> str:
    metavar = argument.human_readable_name
    return metavar if argument.required or metavar.startswith("[") else f"[{metavar}]"


def format_help(app: typer.Typer) -> None:
    """Set the usage lines of an application's commands, and the summaries that its groups list.

    Without a `short_help`, the parser cuts summaries to the width of the terminal.
    """
    app.info.short_help = _summary(str(app.info.help or ""))
    for command in app.registered_commands:
        command.cls = HelpCommand
        command.short_help = _summary(inspect.getdoc(command.callback) or "")
    for group in app.registered_groups:
        if group.typer_instance is not None:
            format_help(group.typer_instance)


def _summary(text: str) -> str:
    """Return the first paragraph of a help text in one line."""
    return " ".join(inspect.cleandoc(text).partition("\n\n")[0].split())
