"""Manual pages, in the macros of man(7), from the declarations that help is printed from."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, cast

import typer

from envmgr import __version__
from envmgr.cli import app, usage_errors
from envmgr.cli.command_table import find_group
from envmgr.cli.console import print_json
from envmgr.cli.help_page import HELP_OPTIONS
from envmgr.kit.errors import UsageError
from envmgr.kit.fs import make_dir, write_if_changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from typer.core import TyperArgument, TyperOption

    from envmgr.cli.options import Options
    from envmgr.cli.usage_errors import Command

PRINT_OPTION, WRITE_OPTION = "--man", "--man-pages"
_FIRST_CHARACTERS = frozenset(".'")
"""At the start of a line these begin a request of roff."""


def is_requested(args: Sequence[str]) -> bool:
    """Return whether a command line requests manual pages: `help` with one of the two options."""
    return args[:1] == ["help"] and not {PRINT_OPTION, WRITE_OPTION}.isdisjoint(args)


def run(options: Options, args: Sequence[str]) -> int:
    """Print the page of a command, or write all pages to a directory."""
    if WRITE_OPTION in args:
        return _run_write(options, [arg for arg in args if arg not in {"help", WRITE_OPTION}])
    path = [arg for arg in args[1:] if arg != PRINT_OPTION]
    text = format_page(path)
    if options.json:
        print_json({"schema": "envmgr/man/1", "name": page_name(path), "page": text})
    else:
        sys.stdout.write(text)
    return 0


def _run_write(options: Options, words: Sequence[str]) -> int:
    if len(words) != 1:
        raise UsageError(
            f"{WRITE_OPTION} requires a directory",
            f"for example: envmgr help {WRITE_OPTION} ~/.local/share/man/man1",
        )
    directory = os.path.join(options.cwd or "", words[0])
    paths = write_pages(directory)
    if options.json:
        print_json({"schema": "envmgr/man-pages/1", "directory": directory, "pages": paths})
    elif not options.quiet:
        sys.stdout.write(f"wrote {len(paths)} pages to {directory}; read them with `man envmgr`\n")
    return 0


def write_pages(directory: str) -> list[str]:
    """Write the pages of all commands to a directory and return their paths."""
    make_dir(directory)
    paths = []
    for path in command_paths(app.tree()):
        paths.append(os.path.join(directory, f"{page_name(path)}.1"))
        write_if_changed(paths[-1], format_page(path))
    return paths


def command_paths(command: Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the names of each command below `envmgr`, and of each group before its commands."""
    yield path
    for name, subcommand in usage_errors.commands_of(command).items():
        yield from command_paths(subcommand, (*path, name))


def page_name(path: Sequence[str]) -> str:
    """Return the name of a command's page: `envmgr-plugin-add`."""
    return "-".join(("envmgr", *path))


def format_page(path: Sequence[str]) -> str:
    """Return the page of the command at a path of names; raise UsageError if it is unknown."""
    command = _find_command(path)
    context = typer.Context(command, info_name=" ".join(("envmgr", *path)))
    context.help_option_names = [*HELP_OPTIONS]
    lines = [
        f'.TH {_quote(page_name(path).upper())} 1 "" {_quote(f"envmgr {__version__}")} "Commands of envmgr"',
        ".SH NAME",
        f"{_escape(page_name(path))} \\- {_escape(_summary(command))}",
        *_synopsis(command, context, path),
        *_description(command),
        *_arguments(command, context),
        *_options(command, context),
        *_commands(path),
        *_example(command),
        *_see_also(path),
    ]
    return "".join(f"{line}\n" for line in lines)


def _find_command(path: Sequence[str]) -> Command:
    command, names = app.tree(), ["envmgr"]
    for name in path:
        commands = usage_errors.commands_of(command)
        if name not in commands:
            raise UsageError(f"unknown command `{' '.join([*names, name])}`", "run `envmgr help`")
        command, names = commands[name], [*names, name]
    return command


def _paragraphs(command: Command) -> list[str]:
    return [" ".join(paragraph.split()) for paragraph in (command.help or "").split("\n\n")]


def _summary(command: Command) -> str:
    """Return the first paragraph of the help as the phrase of a NAME section."""
    text = _paragraphs(command)[0].rstrip(".")
    return text[:1].lower() + text[1:]


def _synopsis(command: Command, context: typer.Context, path: Sequence[str]) -> Iterator[str]:
    yield ".SH SYNOPSIS"
    words = " ".join(command.collect_usage_pieces(context))
    yield f".B {_escape(' '.join(('envmgr', *path)))}"
    yield _escape(words)


def _description(command: Command) -> Iterator[str]:
    yield ".SH DESCRIPTION"
    for index, paragraph in enumerate(_paragraphs(command)):
        if index:
            yield ".PP"
        yield _escape(paragraph)


def _arguments(command: Command, context: typer.Context) -> Iterator[str]:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    records = [cast("TyperArgument", item).get_help_record(context) for item in arguments]
    yield from _section("ARGUMENTS", [record for record in records if record])


def _options(command: Command, context: typer.Context) -> Iterator[str]:
    options = [item for item in command.get_params(context) if item.param_type_name == "option"]
    records = [cast("TyperOption", item).get_help_record(context) for item in options]
    yield from _section("OPTIONS", [record for record in records if record])


def _commands(path: Sequence[str]) -> Iterator[str]:
    group = find_group(path)
    if group:
        entries = group.commands.values()
        yield from _section("COMMANDS", [(entry.name, entry.summary) for entry in entries])


def _section(title: str, records: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield a section of tagged paragraphs: a name in bold, and its text indented below."""
    for index, (name, text) in enumerate(records):
        if not index:
            yield f".SH {title}"
        yield ".TP"
        yield f".B {_escape(name)}"
        yield _escape(text)


def _example(command: Command) -> Iterator[str]:
    example = (command.epilog or "").removeprefix("Example: ")
    if example:
        yield from (".SH EXAMPLES", ".nf", _escape(example), ".fi")


def _see_also(path: Sequence[str]) -> Iterator[str]:
    """Yield the pages of the group that a command is in, and of the commands of a group."""
    group = find_group(path)
    names = [page_name([*path, name]) for name in group.commands] if group else []
    above = [page_name(path[:-1])] if path else []
    pages = [f".BR {_escape(name)} (1)" for name in (*above, *names)]
    if pages:
        yield ".SH SEE ALSO"
        yield from (f"{line}," for line in pages[:-1])
        yield pages[-1]


def _escape(text: str) -> str:
    """Return a line of text in which roff sees no request and no escape, and hyphens that can be copied."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in _FIRST_CHARACTERS else escaped


def _quote(text: str) -> str:
    return '"' + _escape(text).replace('"', "\\(dq") + '"'
