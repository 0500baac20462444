"""The typer application: all commands, and running a command line through them."""

from __future__ import annotations

import contextlib
import functools
import io
import sys
from typing import TYPE_CHECKING, Annotated, cast

import typer

from envmgr.cli import usage_errors
from envmgr.cli.alm import global_options
from envmgr.cli.alm.app import alm_app
from envmgr.cli.console import print_json
from envmgr.cli.declarations import (
    cache,
    config,
    current,
    doctor,
    exec_,
    install,
    list_,
    lock,
    plugin,
    reshim,
    uninstall,
    use,
    where,
    which,
    why,
)
from envmgr.cli.help_format import format_help
from envmgr.kit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from typer.core import TyperGroup

    from envmgr.cli.options import Options
    from envmgr.cli.usage_errors import Command

HELP = """
Project toolchains: install, lock and run exact tool versions.

Global options (before or after the command): --json (one JSON document on stdout; not exec), -q/--quiet, -v/--verbose,
-C/--cwd DIR, --offline and --yes.
"""
FIRST_STEPS = """\
First steps:
  envmgr use nodejs ^20   Set, install and lock a tool of this project.
  envmgr install          Install the tools of a project that has a .envmgr.
  envmgr doctor           Check PATH, shims and settings.
"""
SHELL_HELP = "for bash, zsh, fish or pwsh (default: current shell)."
COMMANDS = (
    install,
    use,
    list_,
    current,
    which,
    where,
    why,
    exec_,
    lock,
    uninstall,
    reshim,
    doctor,
)
"""The declarations of commands, in the order of the help."""
GROUPS = {"plugin": plugin.app, "config": config.app, "cache": cache.app, "alm": alm_app}

app = typer.Typer(
    name="envmgr",
    help=HELP,
    epilog="Example: envmgr use nodejs ^20 && node --version",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for _declaration in COMMANDS:
    app.add_typer(_declaration.app)
for _name, _group in GROUPS.items():
    app.add_typer(_group, name=_name)
format_help(app)


def run(options: Options, args: Sequence[str]) -> int:
    """Parse a command line and run its command; raise UsageError if it is invalid."""
    command = tree()
    if args[:1] == ["help"]:
        args = [*args[1:], "--help"]
    if not args:
        return _show_overview(options, command)
    if not options.json and args in [[group] for group in GROUPS]:
        return _show_help(command, args)
    if args[:1] == ["alm"]:
        options, args = global_options.split(options, args)
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
    return cast("TyperGroup", typer.main.get_command(app))


def _show_overview(options: Options, command: Command) -> int:
    """Print the first steps and all commands; return the exit code."""
    with command.make_context("envmgr", [], resilient_parsing=True) as context:
        text = f"{FIRST_STEPS}\n{command.get_help(context)}\n"
    if options.json:
        print_json({"schema": "envmgr/help/1", "help": text})
    else:
        sys.stdout.write(text)
    return 0


def _show_help(command: Command, args: Sequence[str]) -> int:
    """Print the help of a group called without a command to stderr; return the exit code."""
    with (
        contextlib.redirect_stdout(sys.stderr),
        contextlib.suppress(typer.Exit),
        command.make_context("envmgr", [*args, "--help"]) as context,
    ):
        command.invoke(context)
    return UsageError.exit_code


@contextlib.contextmanager
def _help_as_json(options: Options, args: Sequence[str]) -> Iterator[None]:
    """Print, with `--json`, a help text as a JSON document."""
    if not options.json or not {"-h", "--help"} & {*args}:
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


@app.callback()
def global_flags(
    version: Annotated[  # noqa: ARG001 - its callback prints the version
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit."),
    ] = False,
    show_completion: Annotated[
        bool, typer.Option("--show-completion", help=f"Print the completion script {SHELL_HELP}")
    ] = False,
    install_completion: Annotated[
        bool, typer.Option("--install-completion", help=f"Install completion {SHELL_HELP}")
    ] = False,
) -> None:
    """Declare the options of envmgr itself."""
    if show_completion or install_completion:  # envmgr.cli.fast_path runs their valid forms
        raise UsageError(
            "--show-completion and --install-completion take only a shell name",
            "for example: envmgr --show-completion zsh",
        )
