"""The parser's objects for commands, each built when it is looked up."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

import typer

from envmgr.cli.command_table import CommandEntry
from envmgr.cli.help_format import HelpCommand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, MutableMapping

    from typer._click import Command as ParserCommand
    from typer.core import TyperGroup
    from typer.models import CommandInfo

    from envmgr.cli.command_table import Entry, GroupEntry
    from envmgr.cli.usage_errors import Command


class LazyCommands(Mapping[str, "Command"]):
    """The commands of a group by name: a lookup loads the module that declares the command."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        self._built: dict[str, Command] = {}

    def __getitem__(self, name: str) -> Command:
        """Return a command; raise KeyError if it is unknown."""
        if name not in self._built:
            self._built[name] = _build(self._entries[name])
        return self._built[name]

    def __contains__(self, name: object) -> bool:
        """Return whether a command exists, without loading it."""
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        """Yield the names of all commands."""
        return iter(self._entries)

    def __len__(self) -> int:
        """Return the number of commands."""
        return len(self._entries)


def build_group(entry: GroupEntry, callback: Callable[..., None] | None = None) -> TyperGroup:
    """Return a group whose options are the callback's parameters."""
    app = typer.Typer(
        name=entry.name,
        help=entry.help,
        short_help=entry.summary,
        epilog=f"Example: {entry.example}",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    if callback is not None:
        app.callback()(callback)
    group = typer.main.get_group(app)
    commands: Mapping[str, Command] = LazyCommands(entry.commands)
    group.commands = cast("MutableMapping[str, ParserCommand]", commands)  # it is only read
    return group


def _build(entry: Entry) -> Command:
    return _build_command(entry) if isinstance(entry, CommandEntry) else build_group(entry)


def _build_command(entry: CommandEntry) -> Command:
    declarations: typer.Typer = importlib.import_module(entry.module).app
    (info,) = [info for info in declarations.registered_commands if _name(info) == entry.name]
    info.cls = HelpCommand
    info.short_help = entry.summary
    app = typer.Typer(rich_markup_mode=None, add_completion=False)
    app.registered_commands.append(info)
    return cast("Command", typer.main.get_command(app))


def _name(info: CommandInfo) -> str:
    """Return the name of a declared command: its own, or that of its function."""
    return info.name or (info.callback.__name__ if info.callback else "")
