"""Commands of `envmgr alm` whose usual forms run without importing typer.

A command line with an argument, an option that is not listed here or an unusual form is run by typer.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from envmgr.cli.options import Options

    Values = Mapping[str, Sequence[str]]
    Command = Callable[[Options, Values], int]

REPEATABLE = frozenset({"--artifact"})
SWITCHES = frozenset({"--require-lock", "--spool"})


def lookup(args: Sequence[str]) -> Callable[[Options], int] | None:
    """Return the command for a command line below `envmgr alm`, or None."""
    names, command = _FAST_COMMANDS.get(args[0] if args else "", ((), None))
    values = parse_options(args[1:], names)
    if command is None or values is None:
        return None
    return lambda options: command(options, values)


def parse_options(args: Sequence[str], names: Iterable[str]) -> Values | None:
    """Return the values of each option, by its long name; None for a form that typer must parse."""
    values: dict[str, list[str]] = {}
    remaining = iter(args)
    for arg in remaining:
        name, equals, text = arg.partition("=")
        if name not in names or (name in values and name not in REPEATABLE):
            return None
        if name in SWITCHES:
            if equals:
                return None
        elif not equals:
            text = next(remaining, "-")
            if text.startswith("-"):
                return None
        values.setdefault(name, []).append(text)
    return values


def _value(values: Values, name: str) -> str | None:
    return values[name][0] if name in values else None


def _whoami(options: Options, _: Values) -> int:
    from envmgr.cli.alm.commands import whoami

    return whoami.run(options)


def _status(options: Options, values: Values) -> int:
    from envmgr.cli.alm.commands import status

    return status.run(options, _value(values, "--env"), _value(values, "--app"))


def _push(options: Options, values: Values) -> int:
    from envmgr.cli.alm.commands import push
    from envmgr.ops.alm.push import PushOptions

    push_options = PushOptions(
        app=_value(values, "--app"),
        tag=_value(values, "--tag"),
        artifacts=tuple(values.get("--artifact", ())),
        changelog=_value(values, "--changelog"),
        commit=_value(values, "--commit"),
        ref=_value(values, "--ref"),
        require_lock="--require-lock" in values,
    )
    return push.run(options, push_options, spool="--spool" in values)


_PUSH_OPTIONS = ("--app", "--tag", "--artifact", "--changelog", "--commit", "--ref", *sorted(SWITCHES))
_FAST_COMMANDS: dict[str, tuple[tuple[str, ...], Command]] = {
    "whoami": ((), _whoami),
    "status": (("--env", "--app"), _status),
    "push": (_PUSH_OPTIONS, _push),
}
