"""`envmgr config`: list, get and set settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.cli.console import display_path, open_context, print_result, print_status
from envmgr.cli.output import wrapped_table
from envmgr.cli.output.units import duration
from envmgr.kit.config.settings import SETTINGS
from envmgr.ops import config

if TYPE_CHECKING:
    from envmgr.cli.options import Options
    from envmgr.kit.config.settings import Origin

HIDDEN_VALUE = "********"


def run_list(options: Options) -> int:
    """Print all settings with value and origin."""
    context = open_context(options)
    settings = config.show(context)
    cwd = context.environment.directory or ""
    return print_result(
        options,
        "config-list",
        lambda: {"settings": [_to_json(setting) for setting in settings]},
        lambda style, width: wrapped_table.render(
            [
                (
                    ("bold", setting.name),
                    ("dim" if setting.origin == "default" else "green", _format(setting) or "-"),
                    ("dim" if setting.origin == "default" else "cyan", display_path(setting.origin, cwd)),
                    ("", SETTINGS[setting.name].description),
                )
                for setting in settings
            ],
            width,
            style,
        ),
    )


def run_get(options: Options, name: str) -> int:
    """Print setting setting's value."""
    setting = config.get(open_context(options), name)
    return print_result(
        options, "config-get", lambda: _to_json(setting), lambda _style, _width: [_format(setting)]
    )


def run_set(options: Options, name: str, value: str) -> int:
    """Set a setting's value in the file."""
    return _print_change(options, "config-set", config.set_value(open_context(options), name, value))


def run_unset(options: Options, name: str) -> int:
    """Remove a setting from the file."""
    return _print_change(options, "config-unset", config.unset_value(open_context(options), name))


def run_path(options: Options) -> int:
    """Print the path of the settings file."""
    path = open_context(options).paths.config_file
    return print_result(options, "config-path", lambda: {"path": path}, lambda _style, _width: [path])


def _print_change(options: Options, command: str, setting: Origin) -> int:
    print_status(options, f"set {setting.name} = {_format(setting) or '(empty)'} ({setting.origin})")
    return print_result(options, command, lambda: _to_json(setting), lambda _style, _width: [])


def _to_json(setting: Origin) -> dict[str, object]:
    return {
        "name": setting.name,
        "value": _value(setting),
        "origin": setting.origin,
        "description": SETTINGS[setting.name].description,
    }


def _value(setting: Origin) -> object:
    """Return a setting's value for output; a token is hidden."""
    if setting.name == "github_token" and setting.value:
        return HIDDEN_VALUE
    if setting.name == "mirrors" and isinstance(setting.value, tuple):
        return dict(setting.value)
    return list(setting.value) if isinstance(setting.value, tuple) else setting.value


def _format(setting: Origin) -> str:
    value = _value(setting)
    if isinstance(value, dict):
        return " ".join(f"{prefix}={mirror}" for prefix, mirror in value.items())
    if isinstance(value, list):
        return " ".join(value)
    if setting.name == "minimum_release_age" and isinstance(value, int):
        return duration(value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value).lower() if isinstance(value, bool) else str(value)
