"""What commands share: a context made from the common options, and the way results are shown."""

from __future__ import annotations

import sys

from envmgr.kit.environment import is_terminal
from envmgr.ops.context import Context, current

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envmgr.cli.options import Options
    from envmgr.cli.style import Style
    from envmgr.kit.progress import Progress

    Document = Mapping[str, object]
    Lines = Iterable[str]


def open_context(options: Options, progress: Progress | None = None) -> Context:
    """Make the context that the common options ask for."""
    flags = {"offline": True} if options.offline else {}
    return current(cwd=options.cwd, flags=flags, progress=progress)


def show(
    options: Options,
    command: str,
    document: Callable[[], Document],
    lines: Callable[[Style, int], Lines],
) -> int:
    """Print a result: one JSON document with `--json`, else lines made for the terminal's style and width."""
    if options.json:
        import json

        text = json.dumps({"schema": f"envmgr/{command}/1", **document()}, ensure_ascii=False, indent=2)
        sys.stdout.write(text + "\n")
    else:
        from envmgr.cli.style import STDOUT, style_of, width_of

        sys.stdout.writelines(f"{line}\n" for line in lines(style_of(STDOUT), width_of(STDOUT)))
    return 0


def say(options: Options, message: str) -> None:
    """Say on stderr what was done, unless told to be quiet."""
    if not options.quiet and not options.json:
        sys.stderr.write(message + "\n")


def confirm_with(options: Options) -> Callable[[str], bool]:
    """Return a way to ask the user: `--yes` answers for them, and nobody is asked where there is no terminal."""

    def confirm(question: str) -> bool:
        if options.yes:
            return True
        if not (is_terminal(0) and is_terminal(2)):
            return False
        sys.stderr.write(f"{question} [Y/n] ")
        sys.stderr.flush()
        return sys.stdin.readline().strip().lower() in {"", "y", "yes"}

    return confirm


def short_path(path: str, cwd: str) -> str:
    """Spell a path as people would: relative below the working directory, with `~` below home."""
    import os

    if path.startswith(cwd.rstrip(os.sep) + os.sep):
        return path[len(cwd.rstrip(os.sep)) + 1 :]
    home = os.path.expanduser("~")
    return "~" + path[len(home) :] if path.startswith(home + os.sep) else path
