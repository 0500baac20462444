"""Programs of the system in place of a requested tool: no shim is before them on PATH.

A shim never runs another program in place of a requested tool: see `executable.locate_fallthrough`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.install import store
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import list_names
from envmgr.resolve import active, executable
from envmgr.resolve.known_commands import command_names, known_commands
from envmgr.shells.shim_marker import is_shim

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envmgr.resolve.active import ActiveVersion
    from envmgr.resolve.context import Context

_REQUESTED_KINDS = frozenset({"version", "path"})


@frozen
class SystemPrograms:
    """A requested version and the programs, by command, that run instead of its own.

    `shimmed` are the commands that have a shim.
    """

    active: ActiveVersion
    programs: dict[str, str]
    shimmed: frozenset[str]


def find_system_programs(context: Context) -> tuple[SystemPrograms, ...]:
    """Return the programs of the system that a shell here runs in place of requested tools."""
    active_versions = active.resolve(context)
    tools: dict[str, ActiveVersion] = {}
    for active_version in active_versions:
        if active_version.kind in _REQUESTED_KINDS:
            tools.setdefault(active_version.tool, active_version)
    shims = _list_shimmed(context)
    return tuple(
        SystemPrograms(active_version, programs, frozenset(programs) & shims)
        for active_version in tools.values()
        if (programs := dict(_system_programs(context, active_version, active_versions)))
    )


def describe_fallthrough(context: Context, tool: str) -> str:
    """Return which program of the system runs for a tool that is not requested, as the end of a message."""
    names = command_names(context, tool)
    commands = _installed_commands(context, tool) or names
    may_run = commands if context.settings.fallthrough else commands - _list_shimmed(context)
    programs = (
        f"{command} is {path}"
        for command in sorted(may_run, key=lambda command: (command not in names, command))
        if (path := executable.find_outside_shims(context, command))
    )
    program = next(programs, "")
    return f"; the system's {program}" if program else ""


def _list_shimmed(context: Context) -> frozenset[str]:
    directory = context.paths.shims
    return frozenset(name for name in list_names(directory) if is_shim(os.path.join(directory, name)))


def _system_programs(
    context: Context, active_version: ActiveVersion, active_versions: Sequence[ActiveVersion]
) -> Iterator[tuple[str, str]]:
    tool_directories = {
        os.path.realpath(directory) for item in active_versions for directory in item.bin_dirs
    }
    for command in sorted(_commands(context, active_version)):
        path = executable.on_path(context.environment.get("PATH"), command)
        if path and not is_shim(path) and os.path.realpath(os.path.dirname(path)) not in tool_directories:
            yield command, path


def _commands(context: Context, active_version: ActiveVersion) -> frozenset[str]:
    """Return the commands of a version; of a missing one those of other versions and those known."""
    if active_version.is_available:
        return frozenset(store.programs(active_version.bin_dirs))
    return known_commands(context, active_version.tool) | _installed_commands(context, active_version.tool)


def _installed_commands(context: Context, tool: str) -> frozenset[str]:
    """Return the commands of the installed versions of a tool."""
    installed = [store.get(context.paths, tool, version) for version in store.versions(context.paths, tool)]
    return frozenset().union(*(item.commands() for item in installed if item))
