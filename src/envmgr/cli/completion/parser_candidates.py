"""Completion candidates of the parser: options and their values, and arguments that no table has."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import typer

from envmgr.cli import app
from envmgr.cli.command_table import find_group
from envmgr.cli.completion.candidates import with_prefix
from envmgr.cli.completion.completers import FILES
from envmgr.cli.options import DIRECTORY_OPTIONS
from envmgr.cli.usage_errors import commands_of
from envmgr.kit.errors import EnvmgrError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typer.core import TyperArgument, TyperOption

    from envmgr.cli.usage_errors import Command

    Parameter = TyperArgument | TyperOption

_GLOBAL_OPTIONS = {
    "--json": "Print one JSON document",
    "--quiet": "Print errors only",
    "--verbose": "Verbose output",
    "--cwd": "Run as if in another directory",
    "--offline": "Never use the network",
    "--yes": "Answer questions with yes",
}
_ALM_OPTIONS = {"--url": "Server URL", "--token": "Access token"}


def candidates(args: Sequence[str], incomplete: str) -> Mapping[str, str]:
    """Return the candidates for the cursor, each with its description."""
    if args[-1:] and args[-1] in DIRECTORY_OPTIONS:
        return {FILES: ""}
    if "--" in args:
        return {}
    command, path, command_args = _resolve_command(args)
    option = _option_with_value(command, args[-1]) if args else None
    if option is not None:
        return _values(command, option, (), incomplete)
    if incomplete.startswith("-"):
        alm_options = _ALM_OPTIONS if path[:1] == ["alm"] else {}
        return with_prefix({**_options(command), **alm_options, **_GLOBAL_OPTIONS}, incomplete)
    group = find_group(path)
    if group:
        commands = {} if command_args else {name: entry.summary for name, entry in group.commands.items()}
        return with_prefix(commands, incomplete)
    argument = _argument_at(command, len(command_args))
    return {} if argument is None else _values(command, argument, command_args, incomplete)


def _resolve_command(args: Sequence[str]) -> tuple[Command, list[str], list[str]]:
    """Return the command of a command line, its path and its arguments so far."""
    command, path, command_args = app.tree(), list[str](), list[str]()
    for arg in args:
        commands = commands_of(command)
        if arg in commands:
            command, path = commands[arg], [*path, arg]
        elif not arg.startswith("-"):
            command_args.append(arg)
    return command, path, command_args


def _parameters(command: Command) -> list[Parameter]:
    return cast("list[Parameter]", command.params)


def _option_with_value(command: Command, arg: str) -> Parameter | None:
    """Return the option that takes its value from the argument after `arg`, if there is one."""
    if not arg.startswith("-"):
        return None
    for parameter in _parameters(command):
        if arg in parameter.opts and not getattr(parameter, "is_flag", False):
            return parameter
    return None


def _argument_at(command: Command, position: int) -> Parameter | None:
    """Return the argument at a position; a variadic one takes all positions from its own on."""
    arguments = [parameter for parameter in _parameters(command) if parameter.param_type_name == "argument"]
    for argument in arguments[: position + 1]:
        if argument.nargs == -1:
            return argument
    return arguments[position] if position < len(arguments) else None


def _values(command: Command, parameter: Parameter, args: Sequence[str], incomplete: str) -> dict[str, str]:
    """Return what the completer of a parameter offers, without the arguments that are there."""
    context = typer.Context(command)
    context.args = [*args]
    try:
        items = parameter.shell_complete(context, incomplete)
    except EnvmgrError:
        return {}
    if any(item.help == FILES for item in items):
        return {FILES: ""}
    return {item.value: item.help or "" for item in items if item.value not in args}


def _options(command: Command) -> dict[str, str]:
    options = {"--help": "Show the help"}
    for parameter in _parameters(command):
        if parameter.opts[0].startswith("-"):
            options[max(parameter.opts, key=len)] = getattr(parameter, "help", "") or ""
    return options
