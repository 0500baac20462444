"""The executable of a command, for every kind of request."""

from __future__ import annotations

import os

from envmgr.install import store
from envmgr.kit.frozen import frozen
from envmgr.shells.shim_marker import is_shim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


FALLTHROUGH_TOOL = "system"


@frozen
class Program:
    """A program and its origin; `passed` are the PATH entries searched before a `system` one."""

    path: str
    active: ActiveVersion
    skipped_paths: tuple[str, ...] = ()


def locate(context: Context, command: str, active_versions: Sequence[ActiveVersion]) -> Program | None:
    """Return the program of the first active tool with the command; raise CommandNotFound if it is a shim."""
    program = next(
        filter(None, (_of_active(context, command, active_version) for active_version in active_versions)),
        None,
    )
    if program and is_shim(program.path):
        from envmgr.kit.errors import CommandNotFound

        raise CommandNotFound(
            f"{command} resolves to {program.path}, which is an envmgr shim",
            f"change {program.active.tool}={program.active.spec} in {program.active.request.origin}",
        )
    return program


def _of_active(context: Context, command: str, active_version: ActiveVersion) -> Program | None:
    if active_version.kind == "system":
        return (
            _of_system(context, command, active_version)
            if _can_provide(context, command, active_version)
            else None
        )
    path = active_version.find(command)
    return Program(path, active_version) if path else None


def _can_provide(context: Context, command: str, active_version: ActiveVersion) -> bool:
    """Return whether an installed version of a tool has a command, or no tool has it."""
    from envmgr.resolve.unavailable import installed_providers

    providers = installed_providers(context, command)
    return not providers or active_version.tool in providers


def _of_system(context: Context, command: str, active_version: ActiveVersion) -> Program | None:
    skipped_paths: list[str] = []
    for directory in _others_on_path(context):
        path = store.find_program((directory,), command)
        if path and not is_shim(path):
            return Program(path, active_version, tuple(skipped_paths))
        skipped_paths.append(os.path.join(directory, command))
    return None


def locate_fallthrough(
    context: Context, command: str, active_versions: Sequence[ActiveVersion]
) -> Program | None:
    """Return the next program on PATH that is not a shim, if no requested tool has the command.

    Raise NotInstalled if a requested tool that has it is missing.
    """
    from envmgr.resolve.unavailable import installed_providers

    if not installed_providers(context, command):  # it has no shim
        return None
    if not context.settings.fallthrough or _is_requested(context, command, active_versions):
        return None
    from envmgr.project.request import Origin, Request
    from envmgr.resolve.active import ActiveVersion

    request = Request(FALLTHROUGH_TOOL, (FALLTHROUGH_TOOL,), Origin("argument", ""))
    return _of_system(context, command, ActiveVersion(request, FALLTHROUGH_TOOL, FALLTHROUGH_TOOL))


def _is_requested(context: Context, command: str, active_versions: Sequence[ActiveVersion]) -> bool:
    """Return whether a requested tool has the command; raise NotInstalled if one that is missing has it."""
    from envmgr.resolve.known_commands import has_command
    from envmgr.resolve.unavailable import installed_providers, not_installed_error

    providers = installed_providers(context, command)
    for active_version in active_versions:
        if active_version.tool in providers:
            return True
        if not active_version.is_available and has_command(context, active_version.tool, command):
            raise not_installed_error(active_version)
    return False


def find_outside_shims(context: Context, command: str) -> str | None:
    """Return the path of a program on PATH that is not a shim."""
    paths = (store.find_program((directory,), command) for directory in _others_on_path(context))
    return next((path for path in paths if path and not is_shim(path)), None)


def _others_on_path(context: Context) -> list[str]:
    entries = context.environment.get("PATH").split(os.pathsep)
    shims = os.path.realpath(context.paths.shims)
    return [entry for entry in entries if os.path.isabs(entry) and os.path.realpath(entry) != shims]


def on_path(path: str, command: str) -> str | None:
    """Return the path of a command as shells find it: a name with a slash is a path, others are on PATH."""
    directory, name = os.path.split(command)
    if directory:
        return command if os.path.exists(command) else store.find_program((directory,), name)
    return store.find_program((entry or os.curdir for entry in path.split(os.pathsep)), command)
