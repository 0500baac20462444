"""The typer application: parsing a command line, and running its command."""

from __future__ import annotations

import contextlib
import functools
import io
from typing import TYPE_CHECKING, Annotated

import typer

from envmgr.cli import usage_errors
from envmgr.cli.command_table import ENVMGR
from envmgr.cli.command_tree import build_group
from envmgr.cli.console import print_json
from envmgr.cli.help_page import HELP_OPTIONS
from envmgr.kit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.cli.options import Options
    from envmgr.cli.usage_errors import Command

_OPTION_HELP = dict(ENVMGR.options)


def run(options: Options, args: Sequence[str]) -> int:
    """Parse a command line and run its command; raise UsageError if it is invalid."""
    command = tree()
    usage_errors.require_known_command(command, args)
    try:
        with (
            _help_as_json(options, args),
            command.make_context("envmgr", [*args], obj=options) as context,
        ):
            code = command.invoke(context)
    except typer.Abort:
        raise KeyboardInterrupt from None
    except typer.Exit as stop:
        return stop.exit_code
    except typer.TyperException as error:
        raise usage_errors.to_usage_error(error) from None
    return code if isinstance(code, int) else 0


@functools.cache
def tree() -> Command:
    """Return all commands as the parser's objects."""
    return build_group(ENVMGR, _declare_options)


@contextlib.contextmanager
def _help_as_json(options: Options, args: Sequence[str]) -> Iterator[None]:
    """Print, with `--json`, a help text as a JSON document."""
    if not options.json or not {*HELP_OPTIONS} & {*args}:
        yield
        return
    text = io.StringIO()
    try:
        with contextlib.redirect_stdout(text):
            yield
    finally:
        print_json({"schema": "envmgr/help/1", "help": text.getvalue()})


def _print_version(requested: bool) -> None:
    if requested:
        from envmgr import __version__

        typer.echo(f"envmgr {__version__}")
        raise typer.Exit


def _declare_options(
    version: Annotated[  # noqa: ARG001 - its callback prints the version
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help=_OPTION_HELP["--version"]),
    ] = False,
    show_completion: Annotated[
        bool, typer.Option("--show-completion", help=_OPTION_HELP["--show-completion"])
    ] = False,
    install_completion: Annotated[
        bool, typer.Option("--install-completion", help=_OPTION_HELP["--install-completion"])
    ] = False,
) -> None:
    """Declare the options of envmgr itself."""
    if show_completion or install_completion:  # envmgr.cli.fast_path runs their valid forms
        raise UsageError(
            "--show-completion and --install-completion take only a shell name",
            "for example: envmgr --show-completion zsh",
        )
