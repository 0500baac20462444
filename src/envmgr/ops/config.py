"""Reading and writing the user's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.config import settings
from envmgr.kit.errors import ConfigError
from envmgr.kit.file_locks import file_lock
from envmgr.kit.suggest import closest
from envmgr.shells import plan

if TYPE_CHECKING:
    from envmgr.kit.config.settings import Origin
    from envmgr.resolve.context import Context


def show(context: Context) -> list[Origin]:
    """Return every setting with its value and origin."""
    return settings.origins(context.environment, context.paths, context.flags)


def get(context: Context, name: str) -> Origin:
    """Return one setting with its origin."""
    _check(name)
    return next(origin for origin in show(context) if origin.name == name)


def set_value(context: Context, name: str, text: str) -> Origin:
    """Write a setting; raise ConfigError if it cannot have the value."""
    _check(name)
    if not settings.has_value(context.paths.config_file, name, text):
        with file_lock(context.paths, "settings"):
            settings.set_value(context.paths.config_file, name, text)
        plan.invalidate_all(context.paths)
    return get(context, name)


def unset_value(context: Context, name: str) -> Origin:
    """Remove a setting from the file."""
    _check(name)
    if name in settings.read_file(context.paths.config_file):
        with file_lock(context.paths, "settings"):
            settings.unset_value(context.paths.config_file, name)
        plan.invalidate_all(context.paths)
    return get(context, name)


def _check(name: str) -> None:
    if name in settings.SETTINGS:
        return
    suggestions = closest(name, settings.SETTINGS)
    hint = (
        f"did you mean {' or '.join(suggestions)}?"
        if suggestions
        else f"settings are {', '.join(settings.SETTINGS)}"
    )
    raise ConfigError(f"unknown setting {name!r}", hint)
