"""What commands share: a context made from the common options, and the way results are shown."""

from __future__ import annotations

import sys

from envmgr.kit.environment import is_terminal
from envmgr.resolve.context import Context, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.kit.progress import Progress

    Document = Mapping[str, object]
    Lines = Iterable[str]


def open_context(options: Options, progress: Progress | None = None) -> Context:
    """Make the context that the common options ask for."""
    flags = {"offline": True} if options.offline else {}
    if not options.verbose:
        return current(cwd=options.cwd, flags=flags, progress=progress)
    from envmgr.cli.output import verbose

    return verbose.trace_resolution(
        current(cwd=options.cwd, flags=flags, progress=progress or verbose.verbose_progress())
    )


def print_result(
    options: Options,
    command: str,
    document: Callable[[], Document],
    lines: Callable[[Style, int], Lines],
) -> int:
    """Print a result: one JSON document with `--json`, else lines made for the terminal's style and width."""
    if options.json:
        print_json({"schema": f"envmgr/{command}/1", **document()})
    else:
        from envmgr.cli.output.style import STDOUT, style_of, width_of

        sys.stdout.writelines(f"{line}\n" for line in lines(style_of(STDOUT), width_of(STDOUT)))
    return 0


def print_outcome(
    options: Options,
    command: str,
    document: Callable[[], Document],
    lines: Callable[[Style, int], Lines],
) -> int:
    """Print what was done, as `show` prints what was asked for; with `--quiet`, success has no words."""
    return 0 if options.quiet and not options.json else print_result(options, command, document, lines)


def print_json(document: Document) -> None:
    """Print the one JSON document: in ASCII, so that no locale and no strange file name can spoil it."""
    import json

    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def print_status(options: Options, message: str) -> None:
    """Say on stderr what was done, unless told to be quiet."""
    if not options.quiet and not options.json:
        sys.stderr.write(message + "\n")


def confirm_with(options: Options, default: str = "y") -> Callable[[str], bool]:
    """Return a way to ask the user: `--yes` answers for them, and nobody is asked where there is no terminal.

    `default` ("y" or "n") is what just pressing Enter says.
    """

    def confirm(question: str) -> bool:
        if options.yes:
            return True
        if not (is_terminal(0) and is_terminal(2)):
            return False
        sys.stderr.write(f"{question} [{'Y/n' if default == 'y' else 'y/N'}] ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        return (line.strip().lower() or default) in {"y", "yes"} if line else False

    return confirm


def display_path(path: str, cwd: str) -> str:
    """Spell a path as people would: relative below the working directory, with `~` below home."""
    import os

    if path.startswith(cwd.rstrip(os.sep) + os.sep):
        return path[len(cwd.rstrip(os.sep)) + 1 :]
    home = os.path.expanduser("~")
    return "~" + path[len(home) :] if path.startswith(home + os.sep) else path
