"""Completers of arguments and options: never use the network, never print an error.

Each is declared with its argument. `ctx.args` holds the arguments before the cursor, without options.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer  # noqa: TC002 - typer evaluates the annotations of completers

from envmgr.cli.completion import arguments

if TYPE_CHECKING:
    from collections.abc import Callable

    from envmgr.cli.completion.arguments import Values

    Completer = Callable[[typer.Context, str], list[str]]

FILES = ":files"
"""The description of the candidate that requests the shell's file completion."""


def _declare(values: Values) -> Completer:
    """Return a function that typer calls with its context."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        return [*values(ctx.args, incomplete)]

    setattr(complete, VALUES_ATTRIBUTE, values)
    return complete


VALUES_ATTRIBUTE = "values"
"""The attribute of a completer that names its function in `arguments`."""

complete_available = _declare(arguments.list_tools_and_versions)
complete_tool_then_version = _declare(arguments.list_tools_then_versions)
complete_tool = _declare(arguments.list_tools)
complete_project_tool = _declare(arguments.list_requested_tools)
complete_installed = _declare(arguments.list_installed_versions)
complete_command = _declare(arguments.list_commands)
complete_setting = _declare(arguments.list_settings)
complete_shell = _declare(arguments.list_shells)
complete_plugin_with_source = _declare(arguments.list_plugins_with_source)


def complete_file(incomplete: str) -> list[tuple[str, str]]:
    """Return the marker for file completion."""
    return [(incomplete, FILES)]


def complete_syntax() -> list[str]:
    """Return the shells in whose syntax variables are printed."""
    from envmgr.shells.export import SYNTAXES

    return [*SYNTAXES]


def complete_github_file() -> list[str]:
    """Return the files of GitHub Actions for which variables are printed."""
    from envmgr.cli.commands.env import GITHUB_FILES

    return [*GITHUB_FILES]


def complete_scope() -> list[str]:
    """Return the scopes of API keys."""
    from envmgr.alm.key_options import SCOPES

    return [*SCOPES]
