"""`which`: the executable of a command."""

from __future__ import annotations

from envmgr.kit.frozen import frozen
from envmgr.resolve import active, executable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from envmgr.resolve.context import Context


@frozen
class ResolvedCommand:
    """A command's executable and the tool it belongs to."""

    command: str
    path: str
    tool: str
    version: str


def which(context: Context, command: str) -> ResolvedCommand:
    """Return the executable of a command; raise NotInstalled, NoVersionSet or CommandNotFound."""
    active_versions = active.resolve(context)
    program = executable.locate(context, command, active_versions)
    program = program or executable.locate_fallthrough(context, command, active_versions)
    if program is None:
        from envmgr.resolve import unavailable

        raise unavailable.unavailable_error(context, command, active_versions)
    return ResolvedCommand(
        command, program.path, program.active.tool, program.active.version or program.active.spec
    )
