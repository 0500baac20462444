"""Command lines that make no sense, explained: what was perhaps meant, and an example of what works."""

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
    (re.compile(r"No such option: (\S+)(?s:.*)"), r"there is no option \1"),
    (re.compile(r"Missing (?:argument|option) '([^']*)'(?s:.*)"), r"\1 is missing"),
    (re.compile(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)"), r"too much: \1"),
    (
        re.compile(r"Invalid value for (.*?): .* is not a valid int(?: range)?\."),
        r"bad value for \1: it should be a whole number",
    ),
    (
        re.compile(r"Invalid value for (.*?): .* is not in the range x>=(\d+)\."),
        r"bad value for \1: it should be greater than or equal to \2",
    ),
    (
        re.compile(r"Invalid value for (.*?): .* is not in the range (\d+)<=x<=(\d+)\."),
        r"bad value for \1: it should be from \2 to \3",
    ),
    (re.compile(r"Invalid value for (.*?): (.*?)\.?"), r"bad value for \1: \2"),
    (re.compile(r"Option '(.*)' requires an argument\.?"), r"\1 needs a value"),
)
_TERM_REPLACEMENTS = (("' / '", "' or '"),)
"""How the parser puts two names of an option side by side."""


def require_known_command(command: Command, words: Sequence[str]) -> None:
    """Raise UsageError for a command that does not exist, or a group of commands without one."""
    path = ["envmgr"]
    for word in words:
        known = commands_of(command)
        if not known or word.startswith("-"):
            return
        if word not in known:
            raise UsageError(f"there is no command `{' '.join([*path, word])}`", _hint(path, word, known))
        command, path = known[word], [*path, word]
    if commands_of(command):
        raise UsageError(f"`{' '.join(path)}` needs a command", _help(path))


def commands_of(command: Command) -> Mapping[str, Command]:
    """Return the commands of a group; none of what is no group."""
    found: Mapping[str, Command] = getattr(command, "commands", {})
    return found


def _hint(path: Sequence[str], word: str, known: Mapping[str, Command]) -> str:
    near = closest(word, known, 2)
    return f"did you mean {' or '.join(near)}?" if near else _help(path)


def _help(path: Sequence[str]) -> str:
    return f"`{' '.join([*path, '--help'])}` shows what there is"


def to_usage_error(error: TyperException) -> UsageError:
    """Say in our words what the parser says in its own."""
    message = _message(error.format_message())
    possible = getattr(error, "possibilities", None)
    if possible:
        return UsageError(message, f"did you mean {' or '.join(sorted(possible))}?")
    return UsageError(message, _example_hint(getattr(error, "ctx", None)))


def _message(text: str) -> str:
    for theirs, ours in _TERM_REPLACEMENTS:
        text = text.replace(theirs, ours)
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
    return _help([getattr(context, "command_path", "envmgr")])
