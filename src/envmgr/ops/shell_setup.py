"""Setting up activation: the line in a shell's start file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envmgr.kit.errors import ConfigError
from envmgr.kit.frozen import frozen
from envmgr.kit.fs import read_bytes, unlink_file, write_in_place
from envmgr.shells.activation import start_file

if TYPE_CHECKING:
    from envmgr.resolve.context import Context
    from envmgr.shells.activation.activation_shell import ActivationShell


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
        unlink_file(change.path)
    else:
        write_in_place(change.path, change.after)
