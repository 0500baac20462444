"""Usage errors: messages, suggestions and examples for invalid command lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envmgr.kit.errors import UsageError
from envmgr.kit.suggest import closest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from typer import TyperException
    from typer.core import TyperCommand, TyperGroup

    Command = TyperCommand | TyperGroup

_MESSAGE_PATTERNS = (
    (re.compile(r"No such option: (\S+)(?s:.*)"), r"unknown option \1"),
    (re.compile(r"Missing option '([^']*)'(?s:.*)"), r"missing option \1"),
    (re.compile(r"Missing argument '([^']*)'(?s:.*)"), r"missing argument \1"),
    (re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)"), r"unexpected argument \1"),
    (
        re.compile(r"Invalid value for (.*?): .* is not a valid int\."),
        r"invalid value for \1: expected an integer",
    ),
    (re.compile(r"Invalid value for (.*?): (.*?)\.?"), r"invalid value for \1: \2"),
    (re.compile(r"Option '(.*)' requires an argument\.?"), r"\1 requires a value"),
)
_USE_HINT = "run `envmgr use TOOL@VERSION`, which writes .envmgr"
_REMOVAL_HINT = "run `envmgr unuse TOOL`; `envmgr uninstall` removes installed versions"
PEER_COMMAND_HINTS = {
    "add": _USE_HINT,
    "global": "run `envmgr use --global TOOL@VERSION`",
    "init": _USE_HINT,
    "local": _USE_HINT,
    "ls": "run `envmgr list`",
    "ls-remote": "run `envmgr list --remote TOOL`",
    "pin": "run `envmgr use --pin TOOL`",
    "remove": _REMOVAL_HINT,
    "rm": _REMOVAL_HINT,
    "run": "run `envmgr exec COMMAND`, or `envmgr x TOOL` without adding the tool",
    "shell": "run `envmgr exec COMMAND`, or set `ENVMGR_<TOOL>_VERSION`",
    "sync": "run `envmgr install`",
    "update": "run `envmgr upgrade`",
    "versions": "run `envmgr list`",
}
"""Hints for commands of other version managers, as to what does the same here."""
_TERM_REPLACEMENTS = (("' / '", "' or '"),)
"""How the parser writes two names of an option."""


def require_known_command(command: Command, args: Sequence[str]) -> None:
    """Raise UsageError for an unknown command, or for a group without a subcommand."""
    path = ["envmgr"]
    for arg in args:
        commands = commands_of(command)
        if not commands or arg.startswith("-"):
            return
        if arg not in commands:
            raise UsageError(
                f"unknown command `{' '.join([*path, arg])}`", _suggestion_hint(path, arg, commands)
            )
        command, path = commands[arg], [*path, arg]
    if commands_of(command):
        raise UsageError(f"missing subcommand for `{' '.join(path)}`", _help_hint(path))


def commands_of(command: Command) -> Mapping[str, Command]:
    """Return the commands of a group; an empty mapping for a command."""
    commands: Mapping[str, Command] = getattr(command, "commands", {})
    return commands


def _suggestion_hint(path: Sequence[str], arg: str, commands: Mapping[str, Command]) -> str:
    if len(path) == 1 and arg in PEER_COMMAND_HINTS:
        return PEER_COMMAND_HINTS[arg]
    suggestions = closest(arg, commands, 2)
    return f"did you mean {' or '.join(suggestions)}?" if suggestions else _help_hint(path)


def _help_hint(path: Sequence[str]) -> str:
    return f"run `{' '.join([*path, '--help'])}` for help"


def to_usage_error(error: TyperException) -> UsageError:
    """Return the UsageError for an error of the parser."""
    message = _message(error.format_message())
    suggestions = getattr(error, "possibilities", None)
    if suggestions:
        return UsageError(message, f"did you mean {' or '.join(sorted(suggestions))}?")
    return UsageError(message, _example_hint(getattr(error, "ctx", None)))


def _message(text: str) -> str:
    for term, replacement in _TERM_REPLACEMENTS:
        text = text.replace(term, replacement)
    for pattern, template in _MESSAGE_PATTERNS:
        match = pattern.fullmatch(text)
        if match:
            return match.expand(template)
    text = text.rstrip(".")
    return text[:1].lower() + text[1:]


def _example_hint(context: object) -> str:
    command = getattr(context, "command", None)
    label, _, example = (getattr(command, "epilog", None) or "").partition("Example: ")
    if example and not label and not getattr(command, "commands", None):
        return f"for example: {example}"
    return _help_hint([getattr(context, "command_path", "envmgr")])
