"""Help pages of groups and the overview, printed from the table of commands without the parser.

Pages are laid out as the parser lays out those of commands.
"""

from __future__ import annotations

import sys

from envmgr.cli.command_table import find_group

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from envmgr.cli.command_table import GroupEntry
    from envmgr.cli.options import Options

    Command = Callable[[Options], int]

FIRST_STEPS = """\
First steps:
  envmgr use nodejs ^20   Set, install and lock a tool of this project.
  envmgr install          Install the tools of a project that has a .envmgr.
  envmgr doctor           Check PATH, shims and settings.
"""
HELP_OPTIONS = ("-h", "--help")
_HELP_OPTION = ("-h, --help", "Show this message and exit.")
_MIN_WIDTH, _MAX_WIDTH, _MARGIN = 50, 80, 2
_MIN_TEXT_WIDTH = 10
_INDENT = "  "
_USAGE_EXIT_CODE = 2
"""That of `UsageError`, whose tree of errors help does not import."""


def lookup(options: Options, args: Sequence[str]) -> Command | None:
    """Return the command that prints the page a command line requests; None if the parser must."""
    if not args:
        return _print_overview
    path = _requested_path(args)
    if path is not None and find_group(path):
        return lambda options: _print_page(options, path)
    if len(args) == 1 and find_group(args) and not options.json:
        return lambda _: _print_incomplete(args)
    return None


def _requested_path(args: Sequence[str]) -> Sequence[str] | None:
    """Return the names of the command whose help is requested, or None."""
    if args[0] == "help":
        return args[1:]
    return args[:-1] if args[-1] in HELP_OPTIONS else None


def _print_overview(options: Options) -> int:
    """Print the first steps and all commands; return the exit code."""
    return _print_text(options, f"{FIRST_STEPS}\n{page((), _terminal_width())}")


def _print_page(options: Options, path: Sequence[str]) -> int:
    return _print_text(options, page(path, _terminal_width()))


def _print_text(options: Options, text: str) -> int:
    if options.json:
        from envmgr.cli.console import print_json

        print_json({"schema": "envmgr/help/1", "help": text})
    else:
        sys.stdout.write(text)
    return 0


def _print_incomplete(path: Sequence[str]) -> int:
    """Print the help of a group called without a command to stderr; return the exit code."""
    sys.stderr.write(page(path, _terminal_width()))
    return _USAGE_EXIT_CODE


def _terminal_width() -> int:
    from envmgr.cli.output.style import STDOUT, width_of

    return width_of(STDOUT)


def page(path: Sequence[str], columns: int) -> str:
    """Return the help page of the group at a path of names below `envmgr`, for a terminal's width."""
    group = find_group(path)
    if group is None:
        raise KeyError(" ".join(path))
    width = max(min(columns, _MAX_WIDTH) - _MARGIN, _MIN_WIDTH)
    return "".join(f"{line}\n" for line in _lines(path, group, width))


def _lines(path: Sequence[str], group: GroupEntry, width: int) -> Iterator[str]:
    usage = f"Usage: {' '.join(('envmgr', *path))} "
    yield from _wrap("[OPTIONS] COMMAND [ARGS]...", width, usage, " " * len(usage))
    for paragraph in group.help.split("\n\n"):
        yield ""
        yield from _wrap(paragraph, width, _INDENT, _INDENT)
    yield from _section("Options", (*group.options, _HELP_OPTION), width)
    yield from _section("Commands", [(entry.name, entry.summary) for entry in group.commands.values()], width)
    yield ""
    yield from _wrap(f"Example: {group.example}", width, _INDENT, _INDENT)


def _section(heading: str, rows: Iterable[tuple[str, str]], width: int) -> Iterator[str]:
    """Yield a heading and its rows: names in a column, texts wrapped beside them."""
    rows = list(rows)
    column = max(len(name) for name, _ in rows) + len(_INDENT)
    yield ""
    yield f"{heading}:"
    for name, text in rows:
        lines = _wrap(text, max(width - column - _MARGIN, _MIN_TEXT_WIDTH))
        yield f"{_INDENT}{name:{column}}{lines[0]}"
        yield from (f"{_INDENT}{'':{column}}{line}" for line in lines[1:])


def _wrap(text: str, width: int, first: str = "", other: str = "") -> list[str]:
    """Return the lines of a text: the first after one prefix, the others after another."""
    lines, prefix, line = [], first, ""
    for piece in _pieces(text):
        if line and len(prefix) + len((line + piece).rstrip()) > width:
            lines.append(prefix + line.rstrip())
            prefix, line = other, ""
        line += piece
    return [*lines, prefix + line.rstrip()]


def _pieces(text: str) -> Iterator[str]:
    """Yield what a line may end after: words, each with a blank, and their parts up to a hyphen."""
    for word in text.split():
        start = 0
        for index, character in enumerate(word):
            if character == "-" and _is_between_letters(word, index):
                yield word[start : index + 1]
                start = index + 1
        yield f"{word[start:]} "


def _is_between_letters(word: str, index: int) -> bool:
    """Return whether a hyphen has two letters on either side."""
    return word[max(index - 2, 0) : index].isalpha() and word[index + 1 : index + 3].isalpha()
