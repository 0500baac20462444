"""Completion candidates for the cursor of a shell.

The scripts of `envmgr.cli.completion` run envmgr with the arguments before the cursor; `_ENVMGR_COMPLETE` is `=` and
the beginning of the word at the cursor. Each line of the output is a candidate, after a tab its description; or FILES.
Commands, tools and versions come from tables, without the parser; options and all else are asked of it.
"""

from __future__ import annotations

import sys

from envmgr.cli.command_table import GroupEntry, find_group
from envmgr.cli.options import is_switch, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SAFE_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+@:/~^=-")
"""Shells insert a candidate unquoted, and a repository's manifest names versions: `1$(rm -r .)` would be run."""


def print_candidates(args: Sequence[str], incomplete: str) -> int:
    """Print the candidates for the cursor; return the exit code."""
    result = candidates(_enter_directory(args), incomplete)
    sys.stdout.writelines(f"{value}\t{text}\n" if text else f"{value}\n" for value, text in result.items())
    return 0


def _enter_directory(args: Sequence[str]) -> Sequence[str]:
    """Enter the directory of `-C`, if it is complete and exists; return the other arguments."""
    if not any(arg.startswith(("-C", "--cwd")) for arg in args):
        return args
    import os

    from envmgr.kit.errors import EnvmgrError

    try:
        options, others = split([os.path.expanduser(arg) for arg in args])  # shells pass `~` as it is typed
        os.chdir(options.cwd or ".")
    except (EnvmgrError, OSError):
        return args
    return others


def candidates(args: Sequence[str], incomplete: str) -> Mapping[str, str]:
    """Return the candidates for the cursor, each with its description; none that a shell could run."""
    result = find_in_tables(args, incomplete)
    if result is None:
        from envmgr.cli.completion import parser_candidates

        result = parser_candidates.candidates(args, incomplete)
    return {value: text for value, text in result.items() if _SAFE_CHARACTERS.issuperset(value)}


def find_in_tables(args: Sequence[str], incomplete: str) -> Mapping[str, str] | None:
    """Return the candidates that need no parser; None if it must be asked."""
    words = [arg for arg in args if not is_switch(arg)]
    if any(word.startswith("-") for word in (*words, incomplete)):
        return None
    path, others = _split(words)
    group = find_group(path)
    if group and not others:
        return with_prefix({name: entry.summary for name, entry in group.commands.items()}, incomplete)
    return None if group else _values(path, others, incomplete)


def _split(words: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the path of the command in a command line, and its arguments."""
    path: tuple[str, ...] = ()
    for index, word in enumerate(words):
        group = find_group(path)
        if not isinstance(group, GroupEntry) or word not in group.commands:
            return path, list(words[index:])
        path = (*path, word)
    return path, []


def _values(path: tuple[str, ...], args: Sequence[str], incomplete: str) -> Mapping[str, str] | None:
    from envmgr.cli.completion.arguments import ARGUMENTS

    values = ARGUMENTS.get(path)
    if values is None:
        return None
    try:
        offered = values(args, incomplete)
    except Exception as error:
        from envmgr.kit.errors import EnvmgrError

        if isinstance(error, EnvmgrError):
            return {}
        raise
    return with_prefix({value: "" for value in offered if value not in args}, incomplete)


def with_prefix(values: Mapping[str, str], incomplete: str) -> dict[str, str]:
    """Return the values that begin as the word at the cursor."""
    return {value: text for value, text in values.items() if value.startswith(incomplete)}
