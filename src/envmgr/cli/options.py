"""Global options: parsed before or after the name of a command."""

from __future__ import annotations

from envmgr.kit.frozen import frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    import typer

    from envmgr.kit.errors import UsageError


@frozen
class Options:
    """Global options of a command line, and its other arguments."""

    arguments: tuple[str, ...] = ()
    cwd: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    offline: bool = False
    yes: bool = False
    alm_url: str | None = None
    alm_token: str | None = None


def options_of(ctx: typer.Context) -> Options:
    """Return the global options of a command line that typer runs."""
    return ctx.obj if isinstance(ctx.obj, Options) else Options()


_SWITCHES = {
    "--json": "json",
    "-q": "quiet",
    "--quiet": "quiet",
    "-v": "verbose",
    "--verbose": "verbose",
    "--offline": "offline",
    "--yes": "yes",
    "-y": "yes",
}
DIRECTORY_OPTIONS = frozenset({"-C", "--cwd"})


def is_switch(arg: str) -> bool:
    """Return whether an argument is a global option without a value."""
    return arg in _SWITCHES


def split(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """Return the global options of a command line, and the other arguments; a `--` ends the search."""
    options, args = Options(), list[str]()
    count = count_own_arguments(arguments)
    remaining = iter(arguments[:count])
    for arg in remaining:
        if arg in _SWITCHES:
            options = replace(options, **{_SWITCHES[arg]: True})
        elif arg in DIRECTORY_OPTIONS:
            options = replace(options, cwd=_directory(arg, next(remaining, "")))
        elif arg.startswith("--cwd="):
            options = replace(options, cwd=_directory("--cwd", arg.partition("=")[2]))
        elif arg.startswith("-C") and len(arg) > len("-C"):
            options = replace(options, cwd=_directory("-C", arg[len("-C") :]))
        else:
            args.append(arg)
    if options.quiet and options.verbose:
        raise _usage_error("--quiet and --verbose are mutually exclusive", "pass one of them")
    return options, [*args, *arguments[count:]]


def count_own_arguments(arguments: Sequence[str]) -> int:
    """Return how many arguments may be global options: all before `--`, or before those of `x TOOL`."""
    if "--" in arguments:
        return list(arguments).index("--")
    words = _word_positions(arguments)
    is_run = len(words) > 1 and arguments[words[0]] == "x"
    return words[1] + 1 if is_run else len(arguments)


def _word_positions(arguments: Sequence[str]) -> list[int]:
    """Return the positions of arguments that are neither options nor the directory of `-C`."""
    return [
        index
        for index, arg in enumerate(arguments)
        if not arg.startswith("-") and (index == 0 or arguments[index - 1] not in DIRECTORY_OPTIONS)
    ]


def _usage_error(message: str, hint: str) -> UsageError:
    """Return a UsageError; `kit.usage_error` would be one more module that every command imports."""
    from envmgr.kit.errors import UsageError

    return UsageError(message, hint)


def _directory(option: str, path: str) -> str:
    import os

    if not path:
        raise _usage_error(f"{option} requires a directory", f"for example: envmgr {option} ../other current")
    if not os.path.isdir(path):
        raise _usage_error(f"{option}: directory {path} not found", "pass an existing directory")
    return path
