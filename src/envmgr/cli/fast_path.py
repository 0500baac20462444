"""Commands whose plain form runs without importing typer.

A command line with an option, or with a number of arguments, that is not listed here is run by typer.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envmgr.cli.options import Options

    Command = Callable[[Options, Sequence[str]], int]


def lookup(args: Sequence[str]) -> Command | None:
    """Return the command for a plain command line, or None."""
    if not args:
        return None
    own_form = _FORMS.get(args[0])
    return (own_form and own_form(args)) or _lookup_arguments(args)


def _lookup_arguments(args: Sequence[str]) -> Command | None:
    """Return the command for a command line of arguments, or with one option."""
    option = next((arg for arg in args[1:] if arg.startswith("-")), "")
    if option:
        return _lookup_with_option(args, option)
    min_count, max_count, command = _FAST_COMMANDS.get(args[0], (1, 0, None))
    return command if min_count <= len(args) - 1 <= max_count else None


def _lookup_exec(args: Sequence[str]) -> Command | None:
    return _exec if _is_plain_exec(args[1:]) else None


def _lookup_env(args: Sequence[str]) -> Command | None:
    return _env if _is_plain_env(args[1:]) else None


def _lookup_x(args: Sequence[str]) -> Command | None:
    return _x if len(args) > 1 and not args[1].startswith("-") else None


def _lookup_alm(args: Sequence[str]) -> Command | None:
    """Return the command for a usual command line of `envmgr alm` without its global options."""
    from envmgr.cli.alm import fast_path

    command = fast_path.lookup(args[1:])
    return None if command is None else lambda options, _args: command(options)


def _lookup_with_option(args: Sequence[str], option: str) -> Command | None:
    """Return the command for a command line with this option alone, anywhere after the command's name."""
    min_count, max_count, command = _FAST_COMMANDS_WITH_OPTION.get((args[0], option), (1, 0, None))
    arguments = [arg for arg in args[1:] if arg != option]
    is_plain = len(arguments) == len(args) - 2 and not any(arg.startswith("-") for arg in arguments)
    if command is None or not is_plain or not min_count <= len(arguments) <= max_count:
        return None
    return lambda options, _args: command(options, arguments)


def print_recorded(options: Options) -> int | None:
    """Print the result of a command whose inputs have not changed since; return None if none is recorded."""
    if not can_be_recorded(options.arguments):
        return None
    from envmgr.cli import recorded_results

    return recorded_results.print_recorded(options)


def can_be_recorded(args: Sequence[str]) -> bool:
    """Return whether a command line records its result if it has nothing to do, and looks for one."""
    command, *others = args or ("",)
    if command == "install":
        return set(others) <= {"--locked"}
    if command in {"latest", "search"}:
        return bool(others or command == "search") and not any(arg.startswith("-") for arg in others)
    if command == "list":
        options = {arg for arg in others if arg.startswith("-")}
        return options <= _LIST_OPTIONS and not _REMOTE_OPTIONS.isdisjoint(options)
    return tuple(args) in {("lock", "--check"), ("plugin", "list")}


_REMOTE_OPTIONS = frozenset({"--remote", "-r"})
_LIST_OPTIONS = _REMOTE_OPTIONS | {"--all", "-a"}


LONG_RUNNING = frozenset({"alm", "install", "use", "lock", "bundle", "outdated", "upgrade", "x"})
"""Commands that handle SIGTERM: they run long enough to be interrupted."""

VARIADIC = 1_000
"""The maximum number of arguments of a variadic command."""


def _is_plain_exec(args: Sequence[str]) -> bool:
    if args[:1] == ["--shim"]:
        return len(args) > 1
    tools = args[: args.index("--")] if "--" in args else ["-"]
    return not any(arg.startswith("-") for arg in tools)


def _is_plain_env(args: Sequence[str]) -> bool:
    if not args or args == ["--dotenv"]:
        return True
    return len(args) == 2 and args[0] == "--shell" and not args[1].startswith("-")  # noqa: PLR2004 - `--shell SH`


def _install(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import install
    from envmgr.resolve import install_plan

    return install.run(options, args, install_plan.Options())


def _install_locked(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import install
    from envmgr.resolve import install_plan

    return install.run(options, args, install_plan.Options(locked=True))


def _lock(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import lock

    return lock.run(options, args, ())


def _lock_check(options: Options, _args: Sequence[str]) -> int:
    from envmgr.cli.commands import lock

    return lock.run_check(options)


def _list_outdated(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands.maintenance import outdated

    return outdated.run(options, args, latest=False)


def _list_outdated_latest(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands.maintenance import outdated

    return outdated.run(options, args, latest=True)


def _upgrade(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands.maintenance import upgrade

    return upgrade.run(options, args, latest=False)


def _use(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import use

    return use.run(options, args, everywhere=False, pin=False)


def _version(options: Options, _args: Sequence[str]) -> int:
    from envmgr import __version__

    text = (
        f'{{"schema": "envmgr/version/1", "version": "{__version__}"}}'
        if options.json
        else f"envmgr {__version__}"
    )
    sys.stdout.write(text + "\n")
    return 0


def _show_completion(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.completion import scripts

    return scripts.run_show(options, args)


def _install_completion(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.completion import scripts

    return scripts.run_install(options, args)


def _current(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import current

    return current.run(options, args[0] if args else None)


def _which(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import which

    return which.run(options, args[0])


def _where(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import where

    return where.run(options, args)


def _list(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import list_

    return list_.run(options, args[0] if args else None)


def _list_remote(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import list_
    from envmgr.resolve.tool_specs import from_two_args, parse

    requested = parse(args[0]) if len(args) == 1 else from_two_args(args[0], args[1])
    return list_.run_remote(options, requested.tool, requested.spec, limit=list_.MAX_RELEASES)


def _latest(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.catalog.commands import latest

    return latest.run(options, args)


def _latest_installed(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.catalog.commands import latest

    return latest.run_installed(options, args)


def _search(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.catalog.commands import search

    return search.run(options, args)


def _exec(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import exec_

    return exec_.run(options, args)


def _env(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import env

    shell = args[1] if args[:1] == ["--shell"] else None
    return env.run(options, shell, dotenv=args[:1] == ["--dotenv"])


def _x(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import exec_

    return exec_.run_x(options, args)


def _activate(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import activation

    return activation.run(options, args[0])


def _hook(options: Options, args: Sequence[str]) -> int:
    from envmgr.cli.commands import activation

    return activation.run_hook(options, args[0])


_FAST_COMMANDS: dict[str, tuple[int, int, Command]] = {
    "--version": (0, 9, _version),
    "version": (0, 0, _version),
    "--show-completion": (0, 1, _show_completion),
    "--install-completion": (0, 1, _install_completion),
    "current": (0, 1, _current),
    "which": (1, 1, _which),
    "where": (1, 2, _where),
    "list": (0, 1, _list),
    "latest": (1, 2, _latest),
    "search": (0, VARIADIC, _search),
    "activate": (1, 1, _activate),
    "hook": (1, 1, _hook),
    "install": (0, VARIADIC, _install),
    "use": (1, VARIADIC, _use),
    "lock": (0, VARIADIC, _lock),
    "outdated": (0, VARIADIC, _list_outdated),
    "upgrade": (0, VARIADIC, _upgrade),
}

_FORMS: dict[str, Callable[[Sequence[str]], Command | None]] = {
    "exec": _lookup_exec,
    "env": _lookup_env,
    "x": _lookup_x,
    "alm": _lookup_alm,
}
"""Commands whose arguments have a form of their own."""

_FAST_COMMANDS_WITH_OPTION: dict[tuple[str, str], tuple[int, int, Command]] = {
    ("install", "--locked"): (0, VARIADIC, _install_locked),
    ("lock", "--check"): (0, 0, _lock_check),
    ("outdated", "--latest"): (0, VARIADIC, _list_outdated_latest),
    ("list", "--remote"): (1, 2, _list_remote),
    ("list", "-r"): (1, 2, _list_remote),
    ("latest", "--installed"): (1, 2, _latest_installed),
}
READ_ONLY = frozenset({_version, _current, _which, _where, _list, _env})
"""Commands that need little memory: they run without garbage collection."""
