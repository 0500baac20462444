"""The options every command takes, before or after its name."""

from __future__ import annotations

from envmgr.kit.errors import UsageError
from envmgr.kit.frozen import frozen, replace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


@frozen
class Options:
    """What holds for any command."""

    cwd: str | None = None
    json: bool = False
    quiet: bool = False
    verbose: bool = False
    offline: bool = False
    yes: bool = False
    alm_url: str | None = None
    alm_token: str | None = None


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


def split(arguments: Sequence[str]) -> tuple[Options, list[str]]:
    """Take the common options out of a command line, wherever they stand before a `--`."""
    options, rest = Options(), []
    words = iter(arguments)
    for word in words:
        if word == "--":
            rest.append(word)
            rest.extend(words)
        elif word in _SWITCHES:
            options = replace(options, **{_SWITCHES[word]: True})
        elif word in {"-C", "--cwd"}:
            options = replace(options, cwd=_directory(word, next(words, "")))
        elif word.startswith("--cwd="):
            options = replace(options, cwd=_directory("--cwd", word.partition("=")[2]))
        elif word.startswith("-C") and len(word) > len("-C"):
            options = replace(options, cwd=_directory("-C", word[len("-C") :]))
        else:
            rest.append(word)
    if options.quiet and options.verbose:
        raise UsageError("--quiet and --verbose contradict each other", "leave one of them out")
    return options, rest


def _directory(option: str, path: str) -> str:
    import os

    if not path:
        raise UsageError(f"{option} needs a directory", f"for example: envmgr {option} ../other current")
    if not os.path.isdir(path):
        raise UsageError(
            f"{option} {path}: there is no such directory", "name one that exists, or leave the option out"
        )
    return path
