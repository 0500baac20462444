"""`envmgr config`: the user's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import display_path, open_context, print_result, print_status
from envmgr.cli.output import table
from envmgr.cli.output.units import duration
from envmgr.kit.config.settings import SETTINGS
from envmgr.ops import config

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.kit.config.settings import Origin

HIDDEN = "********"


def run_list(options: Options) -> int:
    """Show every setting with its value and origin."""
    context = open_context(options)
    found = config.show(context)
    cwd = context.environment.cwd
    return print_result(
        options,
        "config-list",
        lambda: {"settings": [_entry(one) for one in found]},
        lambda style, width: table.render(
            [
                (
                    ("bold", one.name),
                    ("dim" if one.origin == "default" else "green", _spell(one) or "-"),
                    ("dim" if one.origin == "default" else "cyan", display_path(one.origin, cwd)),
                    ("", SETTINGS[one.name].description),
                )
                for one in found
            ],
            width,
            style,
            cut=table.truncate_end,
        ),
    )


def run_get(options: Options, name: str) -> int:
    """Show one setting's value."""
    found = config.get(open_context(options), name)
    return print_result(options, "config-get", lambda: _entry(found), lambda _style, _width: [_spell(found)])


def run_set(options: Options, name: str, value: str) -> int:
    """Write a setting."""
    return _changed(options, "config-set", config.set_value(open_context(options), name, value))


def run_unset(options: Options, name: str) -> int:
    """Take a setting out of the file."""
    return _changed(options, "config-unset", config.unset_value(open_context(options), name))


def run_path(options: Options) -> int:
    """Print the path of the settings file."""
    path = open_context(options).paths.config_file
    return print_result(options, "config-path", lambda: {"path": path}, lambda _style, _width: [path])


def _changed(options: Options, command: str, now: Origin) -> int:
    print_status(options, f"{now.name} is now {_spell(now) or 'empty'} ({now.origin})")
    return print_result(options, command, lambda: _entry(now), lambda _style, _width: [])


def _entry(one: Origin) -> dict[str, object]:
    return {
        "name": one.name,
        "value": _value(one),
        "origin": one.origin,
        "meaning": SETTINGS[one.name].description,
    }


def _value(one: Origin) -> object:
    """Return a setting's value for people to see: a token is none of theirs."""
    if one.name == "github_token" and one.value:
        return HIDDEN
    if one.name == "mirrors" and isinstance(one.value, tuple):
        return dict(one.value)
    return list(one.value) if isinstance(one.value, tuple) else one.value


def _spell(one: Origin) -> str:
    value = _value(one)
    if isinstance(value, dict):
        return " ".join(f"{before}={after}" for before, after in value.items())
    if isinstance(value, list):
        return " ".join(value)
    if one.name == "minimum_release_age" and isinstance(value, int):
        return duration(value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
