"""Shared parts of commands: the context, output of results, confirmation."""

from __future__ import annotations

import sys

from envmgr.kit.environment import can_prompt

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envmgr.cli.options import Options
    from envmgr.cli.output.style import Style
    from envmgr.kit.progress import Progress
    from envmgr.ops.confirmation import Confirm
    from envmgr.resolve.context import Context

    Document = Mapping[str, object]
    Lines = Iterable[str]


def open_context(options: Options, progress: Progress | None = None) -> Context:
    """Return the context for the global options."""
    from envmgr.resolve.context import current

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
    """Print a result: one JSON document with `--json`, else lines in the terminal's style and width."""
    sys.stdout.write(format_result(options, command, document, lines))
    return 0


def format_result(
    options: Options,
    command: str,
    document: Callable[[], Document],
    lines: Callable[[Style, int], Lines],
) -> str:
    """Return a result as `print_result` prints it."""
    if options.json:
        return format_json({"schema": f"envmgr/{command}/1", **document()})
    from envmgr.cli.output.style import STDOUT, style_of, width_of

    return "".join(f"{line}\n" for line in lines(style_of(STDOUT), width_of(STDOUT)))


def print_outcome(
    options: Options,
    command: str,
    document: Callable[[], Document],
    lines: Callable[[Style, int], Lines],
) -> int:
    """Print the result of a change like `print_result`; with `--quiet`, print nothing."""
    sys.stdout.write(format_outcome(options, command, document, lines))
    return 0


def format_outcome(
    options: Options,
    command: str,
    document: Callable[[], Document],
    lines: Callable[[Style, int], Lines],
) -> str:
    """Return the result of a change as `print_outcome` prints it."""
    return "" if options.quiet and not options.json else format_result(options, command, document, lines)


def print_json(document: Document) -> None:
    """Print a JSON document."""
    sys.stdout.write(format_json(document))


def format_json(document: Document) -> str:
    """Return a JSON document in ASCII, so that the locale cannot affect it.

    Bytes of file names that are not UTF-8 are written as U+FFFD: many parsers refuse lone surrogates.
    """
    import json

    text = json.dumps(document, indent=2)
    if "\\ud" in text:
        text = json.dumps(_with_valid_text(document), indent=2)
    return text + "\n"


def _with_valid_text(value: object) -> object:
    """Return a JSON value with every text in it as valid Unicode."""
    if isinstance(value, str):
        return _valid_text(value)
    if isinstance(value, dict):
        return {_valid_text(str(name)): _with_valid_text(member) for name, member in value.items()}
    return [_with_valid_text(item) for item in value] if isinstance(value, list | tuple) else value


def _valid_text(text: str) -> str:
    try:
        return text.encode(errors="surrogateescape").decode(errors="replace")
    except UnicodeEncodeError:  # a surrogate that no byte is decoded to: from a document upstream
        return text.encode(errors="replace").decode()


def print_status(options: Options, message: str) -> None:
    """Print a status message to stderr, unless `--quiet` or `--json` is set."""
    if not options.quiet and not options.json:
        sys.stderr.write(message + "\n")


def confirm_with(options: Options, default: str = "y") -> Confirm:
    """Return a function that asks the user for confirmation.

    `--yes` confirms, CI and a missing terminal decline, and `default` ("y" or "n") is the answer of pressing Enter.
    """

    def confirm(question: str) -> bool:
        if options.yes:
            return True
        if not can_prompt():
            return False
        sys.stderr.write(f"{question} [{'Y/n' if default == 'y' else 'y/N'}] ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        return (line.strip().lower() or default) in {"y", "yes"} if line else False

    return confirm


def display_path(path: str, cwd: str) -> str:
    """Return a path for output: relative below the working directory, with `~` below home."""
    import os

    if path.startswith(cwd.rstrip(os.sep) + os.sep):
        return path[len(cwd.rstrip(os.sep)) + 1 :]
    home = os.path.expanduser("~")
    return "~" + path[len(home) :] if path.startswith(home + os.sep) else path
