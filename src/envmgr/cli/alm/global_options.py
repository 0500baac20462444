"""Global options of `envmgr alm`: --url and --token."""

from __future__ import annotations

import sys

from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options

_NAMES = {"--url": "alm_url", "--token": "alm_token"}
_EXAMPLES = {"--url": "--url https://alm.example.com", "--token": "--token - < token.txt"}
_MAX_LINE_LENGTH = 1 << 14


def split(options: Options, command_line: Sequence[str]) -> tuple[Options, list[str]]:
    """Return the global options of a command line, and the other arguments; a `--` ends the search."""
    args: list[str] = []
    remaining = iter(command_line)
    for arg in remaining:
        option, equals, value = arg.partition("=")
        if arg == "--":
            args.append(arg)
            args.extend(remaining)
        elif option in _NAMES:
            text = value if equals else next(remaining, "")
            options = replace(options, **{_NAMES[option]: _value(option, text)})
        else:
            args.append(arg)
    return options, args


def _value(option: str, text: str) -> str:
    value = read_stdin_line().strip() if (option, text) == ("--token", "-") else text
    if not value:
        raise UsageError(f"{option} requires a value", f"for example: envmgr alm whoami {_EXAMPLES[option]}")
    return value


def read_stdin_line() -> str:
    """Return the first line of standard input without its end; raise UsageError if it is not UTF-8."""
    try:
        line = sys.stdin.readline(_MAX_LINE_LENGTH).removesuffix("\n").removesuffix("\r")
        line.encode()  # some locales decode invalid bytes to surrogates
    except UnicodeError:
        raise UsageError("stdin is not UTF-8 text", "check what is piped into envmgr") from None
    return line
