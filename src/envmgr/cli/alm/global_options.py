"""The options every command of `envmgr alm` takes, before or after its name."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import replace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.cli.options import Options

_NAMES = {"--url": "alm_url", "--token": "alm_token"}
_EXAMPLES = {"--url": "--url https://alm.example.com", "--token": "--token - < token.txt"}
_MAX_LINE_LENGTH = 1 << 14


def split(options: Options, words: Sequence[str]) -> tuple[Options, list[str]]:
    """Take these options out of a command line, wherever they stand before a `--`."""
    rest: list[str] = []
    remaining = iter(words)
    for word in remaining:
        option, equals, value = word.partition("=")
        if word == "--":
            rest.append(word)
            rest.extend(remaining)
        elif option in _NAMES:
            given = value if equals else next(remaining, "")
            options = replace(options, **{_NAMES[option]: _value(option, given)})
        else:
            rest.append(word)
    return options, rest


def _value(option: str, text: str) -> str:
    value = line_of_stdin().strip() if (option, text) == ("--token", "-") else text
    if not value:
        raise UsageError(f"{option} needs a value", f"for example: envmgr alm whoami {_EXAMPLES[option]}")
    return value


def line_of_stdin() -> str:
    """Return the first line of standard input, without its end; raise UsageError for what is no text."""
    try:
        line = sys.stdin.readline(_MAX_LINE_LENGTH).removesuffix("\n").removesuffix("\r")
        line.encode()  # some locales let through what is none, to be put out again as it was
    except UnicodeError:
        raise UsageError("what stdin brings is not UTF-8 text", "look at what is piped into envmgr") from None
    return line
