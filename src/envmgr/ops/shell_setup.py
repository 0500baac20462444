"""Setting up activation: the line in a shell's start file, and whether shells are activated."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envmgr.kit.errors import ConfigError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes, unlink_file, write_in_place
from envmgr.shells.activation import start_file
from envmgr.shells.activation.activation_shell import SHELLS

if TYPE_CHECKING:
    from envmgr.resolve.context import Context
    from envmgr.shells.activation.activation_shell import ActivationShell

_DIRECTORIES_VARIABLE = "__ENVMGR_FRONT"


@frozen
class StartFileChange:
    """A change to a start file: its content before and after; None if it is missing."""

    shell: str
    path: str
    line: str
    before: bytes | None
    after: bytes | None

    @property
    def has_effect(self) -> bool:
        """Return whether the file would change."""
        return self.before != self.after


def plan_setup(context: Context, shell: ActivationShell) -> StartFileChange:
    """Return the change that activates a shell; without effect if its start file does so already."""
    path = shell.start_file(context.environment)
    before = read_bytes(path)
    is_set_up = before is not None and start_file.find_activation(before, shell.name) is not None
    after = before if is_set_up else start_file.add_line(before, shell.line)
    return StartFileChange(shell.name, path, shell.line, before, after)


def plan_removal(context: Context, shell: ActivationShell) -> StartFileChange:
    """Return the change that undoes the setup; raise ConfigError if the line was written by hand."""
    path = shell.start_file(context.environment)
    before = read_bytes(path)
    after = before
    if before is not None and start_file.has_line(before, shell.line):
        after = start_file.remove_line(before, shell.line)
    elif before is not None and (number := start_file.find_activation(before, shell.name)):
        raise ConfigError(
            f"cannot remove the activation of {shell.name}: {path}:{number} differs from the line of `envmgr setup`",
            f"remove line {number} of {path}",
        )
    return StartFileChange(shell.name, path, shell.line, before, after)


def apply_change(change: StartFileChange) -> None:
    """Write the start file; links are followed, and permissions stay."""
    if change.after is None:
        unlink_file(os.path.realpath(change.path))
    else:
        write_in_place(change.path, change.after)


def activated_shells(context: Context) -> dict[str, str]:
    """Return the start files that activate their shell, by the shell's name."""
    paths = {name: create().start_file(context.environment) for name, create in SHELLS.items()}
    return {name: path for name, path in paths.items() if _has_activation(path, name)}


def is_login_shell_activated(context: Context) -> bool:
    """Return whether the start file of the user's login shell activates it."""
    return os.path.basename(context.environment.get("SHELL")) in activated_shells(context)


def _has_activation(path: str, shell: str) -> bool:
    content = read_bytes(path) if os.path.isfile(path) else None
    return content is not None and start_file.find_activation(content, shell) is not None


def active_directories(context: Context) -> frozenset[str]:
    """Return the entries of PATH that an activated shell, in which this process runs, has added."""
    return frozenset(context.environment.get(_DIRECTORIES_VARIABLE).split(os.pathsep)) - {""}


def can_find_programs(context: Context) -> bool:
    """Return whether the user's shell finds programs of tools: through the shims, or as it is activated."""
    if context.paths.shims in context.environment.get("PATH").split(os.pathsep):
        return True
    return bool(active_directories(context)) or is_login_shell_activated(context)
