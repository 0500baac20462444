"""The program that runs for a command, whatever kind of request it comes from."""

from __future__ import annotations

import os

from envmgr.install import store
from envmgr.kit.errors import CommandNotFound
from envmgr.kit.frozen import frozen
from envmgr.resolve.unavailable import installed_providers
from envmgr.shells import shim

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context


@frozen
class Program:
    """A program and what it comes from; `passed` are the places on PATH where a `system` one was looked for before."""

    path: str
    active: ActiveVersion
    skipped_paths: tuple[str, ...] = ()


def locate(context: Context, command: str, active_versions: Sequence[ActiveVersion]) -> Program | None:
    """Find the program of the first active tool that has the command; raise CommandNotFound if that is a shim."""
    found = next(filter(None, (_of_active(context, command, one) for one in active_versions)), None)
    if found and shim.is_shim(found.path):
        raise CommandNotFound(
            f"{command} comes to {found.path}, which is a shim of envmgr itself",
            f"change {found.active.tool}={found.active.spec} in {found.active.request.origin}",
        )
    return found


def _of_active(context: Context, command: str, one: ActiveVersion) -> Program | None:
    if one.kind == "system":
        return _of_system(context, command, one) if _may_provide(context, command, one) else None
    path = one.find(command)
    return Program(path, one) if path else None


def _may_provide(context: Context, command: str, one: ActiveVersion) -> bool:
    """Tell whether a command is one of a tool's, judging by its installed versions; if nobody has it, it may be."""
    providers = installed_providers(context, command)
    return not providers or one.tool in providers


def _of_system(context: Context, command: str, one: ActiveVersion) -> Program | None:
    passed: list[str] = []
    for directory in _others_on_path(context):
        path = store.find_program((directory,), command)
        if path and not shim.is_shim(path):
            return Program(path, one, tuple(passed))
        passed.append(os.path.join(directory, command))
    return None


def find_outside_shims(context: Context, command: str) -> str | None:
    """Find a program on PATH that is no shim."""
    found = (store.find_program((directory,), command) for directory in _others_on_path(context))
    return next((path for path in found if path and not shim.is_shim(path)), None)


def _others_on_path(context: Context) -> list[str]:
    entries = context.environment.get("PATH").split(os.pathsep)
    shims = os.path.realpath(context.paths.shims)
    return [entry for entry in entries if os.path.isabs(entry) and os.path.realpath(entry) != shims]


def on_path(path: str, command: str) -> str | None:
    """Find a command as shells do: a name with a slash is a path, any other is looked for on PATH."""
    if os.path.dirname(command):
        return command if os.path.exists(command) else None
    return store.find_program((entry or os.curdir for entry in path.split(os.pathsep)), command)
