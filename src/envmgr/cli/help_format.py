"""Usage lines of commands: the names of arguments only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from typer.core import TyperArgument, TyperCommand

if TYPE_CHECKING:
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
