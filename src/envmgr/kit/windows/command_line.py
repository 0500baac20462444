"""Command lines, variables and exit codes of Windows.

A program receives one text, which it splits itself. For a batch file cmd.exe does that, by rules of its own: between
quotes only `%` is special to it, and no escape exists for that. `%cd:~,%` is empty, and a `%` in front of it stays
(https://flatt.tech/research/posts/batbadbut-you-cant-securely-execute-commands-on-windows/).
"""

from __future__ import annotations

import ntpath

from envmgr.kit.errors import CannotRun

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BATCH_ENDINGS = (".bat", ".cmd")
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789#$*+-./:?@\\_")
_UNPASSABLE = frozenset("\r\n\0")
_SIGN = 1 << 31


def start_words(program: str, arguments: Sequence[str], variables: Mapping[str, str]) -> str | list[str]:
    """Return what `subprocess` starts a program with; raise CannotRun if it cannot receive an argument."""
    if not program.lower().endswith(BATCH_ENDINGS):
        return [program, *arguments]
    shell = ntpath.join(variables.get("SYSTEMROOT", r"C:\Windows"), "System32", "cmd.exe")
    return batch_command_line(shell, program, arguments)


def batch_command_line(shell: str, script: str, arguments: Sequence[str]) -> str:
    """Return the command line of a batch file; raise CannotRun for an argument with a line break."""
    for argument in arguments:
        if not _UNPASSABLE.isdisjoint(argument):
            raise CannotRun(
                f"cannot run {script}: a batch file cannot receive the line break in {argument!r}",
                "pass the text in a file",
            )
    words = " ".join([_quote(script), *(_quote_if_needed(argument) for argument in arguments)])
    return f'"{shell}" /e:ON /v:OFF /d /c "{words}"'


def _quote_if_needed(argument: str) -> str:
    is_plain = argument and not argument.endswith("\\") and _PLAIN.issuperset(argument)
    return argument if is_plain else _quote(argument)


def _quote(text: str) -> str:
    """Quote text for cmd.exe, and for programs: those take backslashes in front of a quote for escapes."""
    pieces = text.split('"')
    doubled = [piece + "\\" * _count_last_backslashes(piece) for piece in pieces]
    return '"' + '""'.join(doubled).replace("%", "%%cd:~,%") + '"'


def _count_last_backslashes(text: str) -> int:
    return len(text) - len(text.rstrip("\\"))


def unique_variables(variables: Mapping[str, str]) -> dict[str, str]:
    """Return variables, of those whose names differ only in case the last; Windows would start with both."""
    names = {name.upper(): name for name in variables}
    return {name: variables[name] for name in names.values()}


def signed_code(code: int) -> int:
    """Return an exit code as Python passes it on: 0xC000013A, after Ctrl-C, is negative."""
    return code - 2 * _SIGN if code >= _SIGN else code
