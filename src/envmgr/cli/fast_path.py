"""Commands that start without typer, as long as they are given in their plain form.

Anything with an option or a count of arguments not listed here falls through to typer, which knows them all.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envmgr.cli.options import Options

    Command = Callable[[Options, Sequence[str]], int]


def lookup(words: Sequence[str]) -> Command | None:
    """Return the command for a plain command line, or None."""
    if not words:
        return None
    if words[0] == "exec" and _is_plain_exec(words[1:]):
        return _exec
    least, most, command = _FAST_COMMANDS.get(words[0], (1, 0, None))
    plain = least <= len(words) - 1 <= most and not any(word.startswith("-") for word in words[1:])
    return command if plain else None


LONG_RUNNING = frozenset({"install", "use"})
"""The commands that work long enough to be told to stop."""

VARIADIC = 1_000


def _is_plain_exec(words: Sequence[str]) -> bool:
    if words[:1] == ["--shim"]:
        return len(words) > 1
    tools = words[: words.index("--")] if "--" in words else ["-"]
    return not any(word.startswith("-") for word in tools)


def _install(options: Options, words: Sequence[str]) -> int:
    from envmgr.cli.commands import install
    from envmgr.resolve import install_plan

    return install.run(options, words, install_plan.Options())


def _use(options: Options, words: Sequence[str]) -> int:
    from envmgr.cli.commands import install

    return install.run_use(options, words, everywhere=False, pin=False)


def _version(options: Options, _words: Sequence[str]) -> int:
    from envmgr import __version__

    text = (
        f'{{"schema": "envmgr/version/1", "version": "{__version__}"}}'
        if options.json
        else f"envmgr {__version__}"
    )
    sys.stdout.write(text + "\n")
    return 0


def _show_completion(options: Options, words: Sequence[str]) -> int:
    from envmgr.cli.completion import scripts

    return scripts.run_show(options, words)


def _install_completion(options: Options, words: Sequence[str]) -> int:
    from envmgr.cli.completion import scripts

    return scripts.run_install(options, words)


def _current(options: Options, words: Sequence[str]) -> int:
    from envmgr.cli.commands import current

    return current.run(options, words[0] if words else None)


def _which(options: Options, words: Sequence[str]) -> int:
    from envmgr.cli.commands import which

    return which.run(options, words[0])


def _where(options: Options, words: Sequence[str]) -> int:
    from envmgr.cli.commands import where

    return where.run(options, words)


def _list(options: Options, words: Sequence[str]) -> int:
    from envmgr.cli.commands import list_

    return list_.run(options, words[0] if words else None)


def _exec(options: Options, words: Sequence[str]) -> int:
    from envmgr.cli.commands import exec_

    return exec_.run(options, words)


_FAST_COMMANDS: dict[str, tuple[int, int, Command]] = {
    "--version": (0, 9, _version),
    "--show-completion": (0, 1, _show_completion),
    "--install-completion": (0, 1, _install_completion),
    "current": (0, 1, _current),
    "which": (1, 1, _which),
    "where": (1, 2, _where),
    "list": (0, 1, _list),
    "install": (0, VARIADIC, _install),
    "use": (1, VARIADIC, _use),
}
